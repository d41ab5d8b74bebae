/* The files that configuration names, alone and through a policy. */

#include "xt.h"
#include "policy_load.h"
#include "xc_crypto.h"
#include "xc_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


static void
write_file(const char *dir, const char *name, mode_t mode, const char *text)
{
    char   path[256];
    FILE  *out;

    (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "w");

    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0
        || chmod(path, mode) != 0)
    {
        perror(path);
        exit(2);
    }
}


static void
test_file_read(xc_str_t dir)
{
    xc_heap_t    heap;
    xc_str_t     got = XC_STR_NONE, full;
    const char  *error = "";

    xc_heap_init(&heap, 0);

    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("secret"), true, &got, &error)
          == XC_OK, "a secret of its owner and group");
    xt_is(got, XC_STR(SAMPLE_SECRET "\n"), "its content");

    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("open"), true, &got, &error)
          == XC_EIO && strstr(error, "/open: others can reach it") != NULL,
          "a secret that others can read");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("open"), false, &got, &error)
          == XC_OK, "no secret");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("none"), false, &got, &error)
          == XC_EIO && strstr(error, "/none: No such file") != NULL, "no file");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("."), false, &got, &error)
          == XC_EIO && strstr(error, "not a regular file") != NULL,
          "a folder");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("fifo"), false, &got, &error)
          == XC_EIO && strstr(error, "not a regular file") != NULL,
          "a FIFO, without waiting");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR(""), false, &got, &error)
          == XC_EIO && xc_file_read(&heap.arena, dir, XC_STR("a\0b"), false,
                                    &got, &error) == XC_EIO, "no name");
    xt_ok(xc_file_read(&heap.arena, XC_STR("/nowhere"),
                       xc_arena_printf(&heap.arena, "%s/open", dir.data), false,
                       &got, &error) == XC_OK, "an absolute name");

    full = xc_arena_printf(&heap.arena, "%s/large", dir.data);
    write_file(dir.data, "large", 0600, "");
    xt_ok(truncate(full.data, XC_FILES_MAX + 1) == 0
          && xc_file_read(&heap.arena, dir, XC_STR("large"), false, &got,
                          &error) == XC_EIO
          && strstr(error, "larger than 64 MiB") != NULL, "too large");

    xt_is(xc_file_dir(XC_STR("policy.json")), XC_STR(""), "no folder");
    xt_is(xc_file_dir(XC_STR("/policy.json")), XC_STR("/"), "the root");
    xt_is(xc_file_dir(XC_STR("a/b//c")), XC_STR("a/b"), "a folder");

    xc_heap_free(&heap);
}


static void
test_named_files(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, edit(mem, "'secret': '" SAMPLE_SECRET "'",
                          "'secret': {'file': 'secret'}"));
    xt_ok(load.rc == XC_OK && load.faults.warnings == 2, "a secret in a file");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'secret': '" SAMPLE_SECRET "'",
                          "'secret': {'file': 'open'}"));
    xt_ok(load.rc == XC_EINPUT
          && has(&load, false, "agencies[1].credentials[0].secret",
                 "others can reach it"), "one that others can read");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'public_key': '" SAMPLE_PUBLIC "'",
                          "'public_key': {'file': 'public'}"));
    xt_ok(load.rc == XC_OK, "a public key in a file");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'public_key': '" SAMPLE_PUBLIC "'",
                          "'public_key': {'file': 'none'}"));
    xt_ok(load.rc == XC_EINPUT
          && has(&load, false, "agencies[0].credentials[0].public_key",
                 "No such file"), "a key that is not there");
    xc_heap_free(&load.heap);
}


/* What the owner of a directory may have put there before root comes. */
static void
test_folders(xc_str_t dir)
{
    int          fd = -1;
    char         kept[200], link[200], path[256], other[200];
    struct stat  st;

    (void) snprintf(kept, sizeof(kept), "%s/kept", dir.data);
    (void) snprintf(link, sizeof(link), "%s/link", dir.data);
    (void) snprintf(other, sizeof(other), "%s/open", dir.data);

    xt_ok(xc_folder_make(kept, geteuid(), getegid()) == XC_OK
          && lstat(kept, &st) == 0 && S_ISDIR(st.st_mode)
          && (st.st_mode & 0027) == 0, "a folder is made");
    xt_ok(xc_folder_make(kept, geteuid(), getegid()) == XC_OK,
          "and stays where it stands");
    xt_ok(xc_folder_make("/nowhere/kept", geteuid(), getegid()) == XC_EIO,
          "none without its parent");

    xt_ok(symlink(kept, link) == 0
          && xc_folder_make(link, geteuid(), getegid()) == XC_OK
          && xc_folder_open(link, &fd) == XC_EIO && fd == -1,
          "a link to a folder is not opened");
    xt_ok(xc_folder_open(other, &fd) == XC_EIO && fd == -1, "nor a file");

    if (xc_folder_open(kept, &fd) != XC_OK) {
        xt_ok(false, "a folder is opened");
        return;
    }

    (void) snprintf(path, sizeof(path), "%s/a.json", kept);

    xt_ok(symlink(other, path) == 0
          && xc_file_keep(fd, "a.json", XC_STR("new"), (uid_t) -1, (gid_t) -1)
             == XC_OK
          && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 3,
          "a link in a file's place is replaced");
    xt_ok(stat(other, &st) == 0 && st.st_size == strlen(SAMPLE_SECRET "\n"),
          "what it led to is as it was");
    xt_ok(xc_file_keep(fd, "a.json", XC_STR("newer"), (uid_t) -1, (gid_t) -1)
          == XC_OK && stat(path, &st) == 0 && st.st_size == 3,
          "a file that stands is kept");

    (void) unlink(path);
    xt_ok(mkdir(path, 0700) == 0
          && xc_file_keep(fd, "a.json", XC_STR("new"), (uid_t) -1, (gid_t) -1)
             == XC_EIO, "a folder in a file's place");
    (void) rmdir(path);
    (void) close(fd);

    xt_ok(rmdir(kept) == 0, "and no temporary file is left");
    (void) unlink(link);
}


static void
test_files(void)
{
    char       template[] = "/tmp/xc-test-policy-XXXXXX", path[256];
    size_t     i;
    xc_str_t   dir;

    static const char *const  names[] = { "secret", "open", "public", "fifo",
                                          "large" };

    if (mkdtemp(template) == NULL) {
        perror("mkdtemp");
        exit(2);
    }

    dir = xc_str_z(template);
    files = xc_files_of(&dir);

    write_file(template, "secret", 0640, SAMPLE_SECRET "\n");
    write_file(template, "open", 0644, SAMPLE_SECRET "\n");
    write_file(template, "public", 0644,
               "-----BEGIN PUBLIC KEY-----\n"
               "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
               "-----END PUBLIC KEY-----\n");
    (void) snprintf(path, sizeof(path), "%s/fifo", template);

    if (mkfifo(path, 0600) != 0) {
        perror(path);
        exit(2);
    }

    test_file_read(dir);
    test_named_files();
    test_folders(dir);

    for (i = 0; i < XC_COUNT(names); i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", template, names[i]);
        (void) unlink(path);
    }

    (void) rmdir(template);
    files = (xc_policy_files_t) { NULL, NULL };
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    test_files();

    return xt_done();
}
