# Builds the core, the tool, the unit tests and the fuzz targets; the nginx
# module is built by ./xc build, through nginx's own configure.

BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
WARN    := -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wwrite-strings
# nginx's own flags for clang have it
WARN    += $(if $(findstring clang,$(CC)),-Wconditional-uninitialized)
# Hardening, which a sanitizer's run time would only be confused by.
FLOW    := $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
HARDEN  := $(if $(findstring -fsanitize,$(CFLAGS)),,-fstack-protector-strong \
           -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(FLOW))
HARD_LD := -Wl,-z,relro -Wl,-z,now
HIDE    := -fvisibility=hidden -fPIC
DEPS     = -MMD -MP
LIBS    := -ljansson -lpcre2-8 -lcrypto -lpthread
# Tests run once: compiling them costs more than -O would gain.
UNIT_CFLAGS := $(patsubst -O2,-O0,$(CFLAGS))
FUZZ    := -g -O1 -std=gnu11 -fno-sanitize-recover=undefined
FUZZ_C  := $(FUZZ) -fsanitize=fuzzer-no-link,address,undefined
FUZZ_LD := $(FUZZ) -fsanitize=fuzzer,address,undefined

CORE    := ngx_xc_module/core
CLI     := ngx_xc_module/cli
UNITS   := $(shell sed -e '/^\#/d' $(CORE)/sources)

CORE_O  := $(UNITS:%=$(BUILD)/core/%.o)
CORE_A  := $(BUILD)/core/core.a
CLI_O   := $(patsubst $(CLI)/%.c,$(BUILD)/cli/%.o,$(wildcard $(CLI)/*.c))
HEAP_O  := $(BUILD)/cli/xc_heap.o
TESTS   := $(patsubst t/unit/%.c,$(BUILD)/unit/%,\
                      $(wildcard t/unit/test_*.c t/unit/vector_*.c \
                                 t/unit/history.c))
FUZZ_O  := $(UNITS:%=$(BUILD)/fuzz/core/%.o) $(BUILD)/fuzz/core/xc_heap.o
FUZZ_CLI := $(patsubst $(CLI)/%.c,$(BUILD)/fuzz/cli/%.o,\
                       $(filter-out $(CLI)/xc_heap.c,$(wildcard $(CLI)/*.c)))
FUZZERS := $(patsubst t/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard t/fuzz/fuzz_*.c))

.PHONY: all tool unit fuzz clean FORCE
.SECONDARY:
all: tool unit
tool: $(BUILD)/xcctl
unit: $(TESTS)
fuzz: $(FUZZERS)

# Another compiler or other flags in the same directory rebuild everything.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(WARN) $(HARDEN) $(LDFLAGS)' | cmp -s - $@ \
	    || echo '$(CC) $(CFLAGS) $(WARN) $(HARDEN) $(LDFLAGS)' >$@

$(BUILD)/core/%.o: $(CORE)/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDEN) $(WARN) $(HIDE) $(DEPS) -c -o $@ $<

$(BUILD)/cli/%.o: $(CLI)/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDEN) $(WARN) $(DEPS) -I$(CORE) -c -o $@ $<

$(BUILD)/unit/%.o: t/unit/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(WARN) $(DEPS) -I$(CORE) -c -o $@ $<

# Of which a program takes what it needs: linking all, again and again, takes
# as long as compiling.
$(CORE_A): $(CORE_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/xcctl: $(CLI_O) $(CORE_O)
	$(CC) $(CFLAGS) $(HARD_LD) $(LDFLAGS) -o $@ $^ $(LIBS)

# Calls that a test stands in for, to let them fail.
WRAP_test_journal := -Wl,--wrap=pwrite,--wrap=fdatasync,--wrap=ftruncate \
                     -Wl,--wrap=openat,--wrap=fstatfs
WRAP_test_journal_sign := $(WRAP_test_journal)
WRAP_history := $(WRAP_test_journal)
# Calls that a test counts.
WRAP_test_jwt := -Wl,--wrap=xc_key_verify
WRAP_test_approval := $(WRAP_test_jwt)
# The generator.
WRAP_test_id := -Wl,--wrap=xc_random

$(BUILD)/unit/%: $(BUILD)/unit/%.o $(BUILD)/unit/xt.o $(HEAP_O) $(CORE_A)
	$(CC) $(CFLAGS) $(HARD_LD) $(LDFLAGS) $(WRAP_$*) -o $@ $^ $(LIBS)

$(BUILD)/bench_%.o: bench/%.c $(BUILD)/flags
	$(CC) $(CFLAGS) $(HARDEN) $(WARN) $(DEPS) -I$(CORE) -I$(CLI) -c -o $@ $<

$(BUILD)/bench_%: $(BUILD)/bench_%.o $(HEAP_O) $(CORE_O)
	$(CC) $(CFLAGS) $(HARD_LD) $(LDFLAGS) -o $@ $^ $(LIBS)

# The load of what is measured through nginx.
$(BUILD)/post: bench/post.c bench/post_request.c bench/post.h $(BUILD)/flags
	$(CC) $(CFLAGS) $(WARN) $(LDFLAGS) -o $@ $(filter %.c,$^) -lssl \
	    -lcrypto -lpthread -lm

# libFuzzer needs the core instrumented too, once for all targets.
$(BUILD)/fuzz/core/%.o: $(CORE)/%.c $(wildcard $(CORE)/*.h $(CORE)/*.def)
	@mkdir -p $(@D)
	$(CC) $(FUZZ_C) -c -o $@ $<

$(BUILD)/fuzz/core/xc_heap.o: $(CLI)/xc_heap.c $(wildcard $(CORE)/*.h)
	@mkdir -p $(@D)
	$(CC) $(FUZZ_C) -I$(CORE) -c -o $@ $<

# The tool is a target, too; main is libFuzzer's.
$(BUILD)/fuzz/cli/%.o: $(CLI)/%.c $(wildcard $(CORE)/*.h $(CLI)/*.h)
	@mkdir -p $(@D)
	$(CC) $(FUZZ_C) -I$(CORE) -Dmain=xcctl_main -c -o $@ $<

$(BUILD)/fuzz/fuzz_audit: $(FUZZ_CLI)

$(BUILD)/fuzz/%: t/fuzz/%.c $(wildcard t/fuzz/*.h) $(FUZZ_O)
	$(CC) $(FUZZ_LD) -I$(CORE) -I$(CLI) -o $@ $(filter %.c %.o,$^) $(LIBS)

clean:
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/*.d $(BUILD)/core/*.d $(BUILD)/cli/*.d $(BUILD)/unit/*.d)
