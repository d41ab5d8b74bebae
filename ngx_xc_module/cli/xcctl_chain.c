#include "xcctl_chain.h"

#include <stdarg.h>
#include <stdio.h>

#define XCCTL_LLU(n)    ((unsigned long long) (n))


/* A fault whose text is not kept: the same loss at the same place is one run,
 * so that a recover record can excuse it all the same. */
static void
xcctl_chain_run(xcctl_chain_t *chain, xcctl_loss_t loss)
{
    xcctl_run_t  *run;

    if (chain->runs != 0) {
        run = &chain->run[chain->runs - 1];

        if (run->seq == chain->main.seq && run->loss == loss) {
            run->faults++;
            return;
        }
    }

    if (chain->runs == XCCTL_CHAIN_RUNS) {
        chain->beyond++;
        return;
    }

    chain->run[chain->runs++] = (xcctl_run_t) { chain->main.seq, loss, 1 };
}


static void
xcctl_chain_say(xcctl_chain_t *chain, xcctl_where_t where, xcctl_loss_t loss,
    const char *fmt, va_list args)
{
    int             n;
    xcctl_fault_t  *fault;

    chain->faults++;

    if (chain->kept == XCCTL_CHAIN_FAULTS) {
        xcctl_chain_run(chain, loss);
        return;
    }

    fault = &chain->fault[chain->kept++];
    fault->seq = chain->main.seq;
    fault->loss = loss;

    n = snprintf(fault->text, sizeof(fault->text), "%s:%llu: ", where.file,
                 XCCTL_LLU(where.line));

    if (n > 0 && (size_t) n < sizeof(fault->text)) {
        (void) vsnprintf(fault->text + n, sizeof(fault->text) - (size_t) n,
                         fmt, args);
    }
}


void
xcctl_chain_fault(xcctl_chain_t *chain, xcctl_where_t where, const char *fmt,
    ...)
{
    va_list  args;

    va_start(args, fmt);
    xcctl_chain_say(chain, where, XCCTL_LOSS_NONE, fmt, args);
    va_end(args);
}


__attribute__((format(printf, 4, 5)))
static void
xcctl_chain_loss(xcctl_chain_t *chain, xcctl_where_t where, xcctl_loss_t loss,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    xcctl_chain_say(chain, where, loss, fmt, args);
    va_end(args);
}


static bool
xcctl_chain_prev_fits(const xcctl_place_t *place, const xcctl_line_t *line)
{
    return !place->known
           || memcmp(place->leaf, line->prev, XC_SHA256_SIZE) == 0;
}


static bool
xcctl_chain_fits(const xcctl_place_t *place, const xcctl_line_t *line)
{
    return line->seq == place->seq && xcctl_chain_prev_fits(place, line);
}


static xcctl_place_t
xcctl_chain_behind(const xcctl_line_t *line)
{
    xcctl_place_t  place = { .seq = line->seq + 1, .known = true,
                             .where = line->where };

    memcpy(place.leaf, line->leaf, XC_SHA256_SIZE);

    return place;
}


static void
xcctl_chain_missing(xcctl_chain_t *chain, const xcctl_line_t *line,
    xcctl_loss_t loss)
{
    uint64_t  from = chain->main.seq, to = line->seq - 1;

    if (from == to) {
        xcctl_chain_loss(chain, line->where, loss, "seq %llu is missing before"
                         " this line", XCCTL_LLU(from));
        return;
    }

    xcctl_chain_loss(chain, line->where, loss, "seq %llu to %llu are missing "
                     "before this line", XCCTL_LLU(from), XCCTL_LLU(to));
}


static void
xcctl_chain_out_of_order(xcctl_chain_t *chain, const xcctl_line_t *line)
{
    xcctl_chain_fault(chain, line->where, "out of order: seq %llu where %llu "
                      "follows", XCCTL_LLU(line->seq),
                      XCCTL_LLU(chain->main.seq));
}


/* The next line fits behind the odd one: the chain was broken before it. */
static void
xcctl_chain_blame_before(xcctl_chain_t *chain)
{
    const xcctl_line_t   *odd = &chain->odd;
    const xcctl_place_t  *main = &chain->main;

    if (odd->seq > main->seq) {
        xcctl_chain_missing(chain, odd, XCCTL_LOSS_LINES);
        chain->island = true;

    } else if (odd->seq == main->seq) {
        xcctl_chain_fault(chain, main->where, "altered: it is not the line "
                          "whose hash the next one holds");

    } else if (odd->seq + 1 == main->seq) {
        xcctl_chain_fault(chain, main->where, "inserted: the next line has "
                          "seq %llu too, and the chain goes on from there",
                          XCCTL_LLU(odd->seq));

    } else {
        xcctl_chain_out_of_order(chain, odd);
    }
}


/* Neither what stands before nor what follows fits the odd line: it was
 * altered itself.  Returns false where it was rather something else. */
static bool
xcctl_chain_blame_line(xcctl_chain_t *chain)
{
    const xcctl_line_t  *odd = &chain->odd;

    if (odd->seq == chain->main.seq) {
        xcctl_chain_fault(chain, odd->where, "altered: it fits neither the "
                          "line before it nor the one behind it");
        return true;
    }

    if (xcctl_chain_prev_fits(&chain->main, odd)) {
        xcctl_chain_fault(chain, odd->where, "altered: seq %llu where %llu "
                          "follows, though prev fits", XCCTL_LLU(odd->seq),
                          XCCTL_LLU(chain->main.seq));
        return true;
    }

    if (odd->seq > chain->main.seq) {
        xcctl_chain_missing(chain, odd, XCCTL_LOSS_NONE);

    } else {
        xcctl_chain_out_of_order(chain, odd);
    }

    return false;
}


/* False: the fault is not of this place. */
static bool
xcctl_chain_put_here(const xcctl_chain_t *chain, uint64_t seq,
    xcctl_loss_t *loss)
{
    if (seq != chain->main.seq) {
        return false;
    }

    if (*loss == XCCTL_LOSS_LINES) {
        *loss = XCCTL_LOSS_NONE;
    }

    return true;
}


/* Where nothing is missing, what is no record was put there; but a file may end
 * with half of one. */
static void
xcctl_chain_not_lost(xcctl_chain_t *chain)
{
    size_t  fault = chain->kept, run = chain->runs;

    while (run-- != 0
           && xcctl_chain_put_here(chain, chain->run[run].seq,
                                   &chain->run[run].loss))
    {
        /* void */
    }

    while (fault-- != 0
           && xcctl_chain_put_here(chain, chain->fault[fault].seq,
                                   &chain->fault[fault].loss))
    {
        /* void */
    }
}


/* Decides what the pending line was, by the line behind it.  Returns true
 * where that one is explained by this and has been taken. */
static bool
xcctl_chain_resolve(xcctl_chain_t *chain, const xcctl_line_t *line)
{
    bool  altered;

    chain->pending = false;

    if (xcctl_chain_fits(&chain->main, line)) {
        if (!chain->garbled) {
            xcctl_chain_out_of_order(chain, &chain->odd);
            chain->displaced = true;
            chain->early = chain->behind;

        } else {
            xcctl_chain_not_lost(chain);
        }

        return false;
    }

    if (xcctl_chain_fits(&chain->behind, line)) {
        if (!chain->garbled) {
            xcctl_chain_blame_before(chain);
        }

        chain->island = chain->island || chain->garbled;
        chain->main = chain->behind;
        return false;
    }

    if (chain->garbled) {
        return false;
    }

    altered = xcctl_chain_blame_line(chain);

    if (altered && line->seq == chain->main.seq + 1) {
        chain->main = xcctl_chain_behind(line);
        return true;
    }

    return false;
}


/* Missing and unreadable lines of the range; with an empty one, the torn end of
 * the file before. */
static bool
xcctl_chain_covers(const xcctl_line_t *line, uint64_t seq, xcctl_loss_t loss)
{
    return seq >= line->from
           && (line->from == line->seq ? loss == XCCTL_LOSS_TORN
                                       : loss != XCCTL_LOSS_NONE);
}


static void
xcctl_chain_excuse(xcctl_chain_t *chain, const xcctl_line_t *line)
{
    size_t          i, n;
    xcctl_run_t    *run;
    xcctl_fault_t  *fault;

    for (i = n = 0; i < chain->kept; i++) {
        fault = &chain->fault[i];

        if (!xcctl_chain_covers(line, fault->seq, fault->loss)) {
            chain->fault[n++] = *fault;
        }
    }

    chain->faults -= chain->kept - n;
    chain->kept = n;

    for (i = n = 0; i < chain->runs; i++) {
        run = &chain->run[i];

        if (xcctl_chain_covers(line, run->seq, run->loss)) {
            chain->faults -= run->faults;

        } else {
            chain->run[n++] = *run;
        }
    }

    chain->runs = n;
}


/* Of the lines before itself, up to the last. */
static bool
xcctl_chain_gives_up(const xcctl_line_t *line)
{
    return line->excuses && line->to + 1 == line->seq;
}


/* Lines behind some that are missing: what stands before those tells nothing of
 * them, but the recover record does, where it follows the last of them. */
static bool
xcctl_chain_confirmed(const xcctl_chain_t *chain, const xcctl_line_t *line)
{
    const xcctl_place_t  *main = &chain->main;

    if (chain->pending && !chain->garbled) {
        return line->from <= main->seq && main->seq < chain->odd.seq
               && xcctl_chain_fits(&chain->behind, line);
    }

    return (!chain->island && main->seq != line->seq)
           || xcctl_chain_fits(main, line);
}


/* A recover record excuses what is missing up to itself, and nothing before
 * its range, nor a line put in the place of one. */
static bool
xcctl_chain_excused(xcctl_chain_t *chain, const xcctl_line_t *line)
{
    uint64_t  next = chain->pending ? chain->behind.seq : chain->main.seq;

    if (!xcctl_chain_gives_up(line)
        || (line->from > chain->main.seq && line->from > next)
        || (line->from == line->seq && !xcctl_chain_fits(&chain->main, line))
        || !xcctl_chain_confirmed(chain, line))
    {
        return false;
    }

    xcctl_chain_excuse(chain, line);

    if (chain->main.seq > line->seq) {
        xcctl_chain_out_of_order(chain, line);
    }

    chain->island = false;

    return true;
}


void
xcctl_chain_line(xcctl_chain_t *chain, const xcctl_line_t *line)
{
    if (!chain->begun) {
        if (xcctl_chain_gives_up(line)) {
            xcctl_chain_excuse(chain, line);
        }

        chain->begun = true;
        chain->main = xcctl_chain_behind(line);
        return;
    }

    if (xcctl_chain_excused(chain, line)) {
        chain->pending = false;
        chain->main = xcctl_chain_behind(line);
        return;
    }

    if (chain->pending && xcctl_chain_resolve(chain, line)) {
        return;
    }

    if (xcctl_chain_fits(&chain->main, line)) {
        chain->main = xcctl_chain_behind(line);
        return;
    }

    /* Two lines that changed places: the third one follows the first. */
    if (chain->displaced && chain->early.seq == chain->main.seq + 1
        && xcctl_chain_fits(&chain->early, line))
    {
        chain->displaced = false;
        chain->main = xcctl_chain_behind(line);
        return;
    }

    chain->pending = true;
    chain->garbled = false;
    chain->odd = *line;
    chain->behind = xcctl_chain_behind(line);
}


/* A line that is no record may have been one once, or may have been put
 * here. */
static void
xcctl_chain_unread(xcctl_chain_t *chain, xcctl_where_t where)
{
    if (!chain->begun) {
        return;
    }

    if (!chain->pending) {
        chain->behind = chain->main;
        chain->behind.known = false;
    }

    chain->behind.seq++;
    chain->behind.where = where;
    chain->pending = true;
    chain->garbled = true;
}


void
xcctl_chain_garbled(xcctl_chain_t *chain, xcctl_where_t where, const char *fmt,
    ...)
{
    va_list  args;

    xcctl_chain_end(chain);

    va_start(args, fmt);
    xcctl_chain_say(chain, where, XCCTL_LOSS_LINES, fmt, args);
    va_end(args);

    xcctl_chain_unread(chain, where);
}


void
xcctl_chain_torn(xcctl_chain_t *chain, xcctl_where_t where, size_t octets)
{
    xcctl_chain_end(chain);
    xcctl_chain_loss(chain, where, XCCTL_LOSS_TORN, "torn: the file ends within"
                     " this line, after %zu octets", octets);
    xcctl_chain_unread(chain, where);
}


void
xcctl_chain_end(xcctl_chain_t *chain)
{
    const xcctl_line_t  *odd = &chain->odd;

    if (!chain->pending || chain->garbled) {
        return;
    }

    if (odd->seq == chain->main.seq) {
        xcctl_chain_fault(chain, odd->where, "this line or the one before it "
                          "was altered: prev is not its hash");

    } else {
        (void) xcctl_chain_blame_line(chain);
    }

    chain->pending = false;
    chain->main = chain->behind;
}
