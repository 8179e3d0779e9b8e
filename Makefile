# nom: `make` builds everything into build/; `make help` lists the targets.
#
#   CC=gcc|clang   SAN=1 (host code under address and undefined-behaviour sanitizers, in build/san)
#   BUILD=DIR      DESTDIR= PREFIX=/usr/local (install)      NOM_CACHE=DIR (fetched sources)

ifeq ($(origin CC),default)
CC := gcc
endif
SAN ?= 0
BUILD ?= build$(if $(filter 1,$(SAN)),/san)
PREFIX ?= /usr/local
MAKEFLAGS += --no-builtin-rules

# Sources are fetched before anything is listed from them; a target that needs none needs no network.
FETCH := $(if $(filter-out help clean format lint lines,$(or $(MAKECMDGOALS),all)),,--path)
LWIP := $(shell tools/fetch-sources $(FETCH) lwip)/src
JANSSON := $(shell tools/fetch-sources $(FETCH) jansson)/src
ifneq ($(filter /src,$(LWIP) $(JANSSON)),)
$(error sources are missing, see the line above)
endif
MUSL_INCLUDE ?= /usr/include/x86_64-linux-musl
MUSL_LIB ?= /usr/lib/x86_64-linux-musl
CC_INCLUDE := $(shell $(CC) -print-file-name=include)
LIBGCC := $(shell gcc -print-libgcc-file-name)

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
COMMON := -std=gnu11 -g $(WARN) -I. -MD -MP -fno-common

# ---- host: toolkit ----
HOST_LIBS := gsl sqlite3 jansson
HOST_CFLAGS := $(COMMON) -O2 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -Iruntime/platform/shared $(shell pkg-config --cflags $(HOST_LIBS))
HOST_LDLIBS := $(shell pkg-config --libs $(HOST_LIBS)) -lm
HOST_LDFLAGS := -Wl,--build-id=sha1
ifeq ($(SAN),1)
HOST_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(HOST_CFLAGS)) -O1 -fno-omit-frame-pointer \
  -fsanitize=address,undefined -fno-sanitize-recover=all -DNOM_DEBUG_BUILD=1
HOST_LDFLAGS += -fsanitize=address,undefined
endif
# `make coverage` sets COVERAGE=1 in a folder of its own.
ifeq ($(COVERAGE),1)
HOST_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(HOST_CFLAGS)) -O1 --coverage -fprofile-update=atomic
HOST_LDFLAGS += --coverage
endif

HOST_DIRS := runtime/econ record workloads/load profiler store pareto tuner reports
HOST_SRC := $(foreach d,$(HOST_DIRS),$(wildcard $(d)/*.c))
NOMCTL_SRC := $(wildcard nomctl/*.c)
# Parts of the app that know no floor, built for the host too: tests reach them there.
PARTS_SRC := $(wildcard runtime/lib/*.c runtime/net/batch.c runtime/net/virtnet*.c workloads/nhttpd/http*.c) \
  workloads/netpipe/protocol.c workloads/netpipe/sizes.c \
  $(filter-out %/main.c,$(wildcard runtime/priced/*.c))
LIB_ASM := $(wildcard runtime/lib/*.S)
TEST_SRC := $(wildcard tests/unit/test_*.c)
TEST_HELP_SRC := $(filter-out $(TEST_SRC),$(wildcard tests/unit/*.c))

HOST_OBJ := $(HOST_SRC:%.c=$(BUILD)/host/%.o)
PARTS_OBJ := $(PARTS_SRC:%.c=$(BUILD)/host/%.o) $(LIB_ASM:%.S=$(BUILD)/host/%.S.o)
NOMCTL_OBJ := $(NOMCTL_SRC:%.c=$(BUILD)/host/%.o)
TESTS := $(TEST_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
GUEST_HELPERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/guest/*.c))
CLI_HELPERS := $(patsubst tests/cli/%.c,$(BUILD)/tests/cli/%,$(wildcard tests/cli/*.c))

# ---- the app side on Linux: hosted (a process with its own stack), and on a link in memory ----
# Each floor compiles the same sources anew; the folder of <floor_tsc.h> chooses the floor's clock.
NET_CFLAGS := -Iruntime/net/lwip -isystem $(LWIP)/include
HOSTED_CFLAGS := $(HOST_CFLAGS) $(NET_CFLAGS)
MEMORY_CFLAGS := $(patsubst -Iruntime/platform/shared,-Iruntime/platform/memory,$(HOST_CFLAGS)) $(NET_CFLAGS)
APP_SRC := $(filter-out runtime/net/virtnet%,$(foreach d,runtime/econ runtime/lib runtime/net \
  runtime/net/lwip runtime/app runtime/platform/shared,$(wildcard $(d)/*.c)))
HOSTED_SRC := $(APP_SRC) $(wildcard runtime/platform/linux/*.c)
MEMORY_SRC := $(APP_SRC) $(wildcard runtime/platform/memory/*.c)
LWIP_SRC := $(filter-out %/memp.c,$(wildcard $(LWIP)/core/*.c $(LWIP)/core/ipv4/*.c)) $(LWIP)/netif/ethernet.c
HOSTED_OBJ := $(HOSTED_SRC:%.c=$(BUILD)/hosted/%.o) $(LIB_ASM:%.S=$(BUILD)/host/%.S.o) $(LWIP_SRC:$(LWIP)/%.c=$(BUILD)/hosted/lwip/%.o)
MEMORY_OBJ := $(MEMORY_SRC:%.c=$(BUILD)/memory/%.o) $(LIB_ASM:%.S=$(BUILD)/host/%.S.o) $(LWIP_SRC:$(LWIP)/%.c=$(BUILD)/memory/lwip/%.o)

# ---- ring 0 ----
KERNEL_SRC := $(wildcard runtime/kernel/*.c)
KERNEL_ASM := $(wildcard runtime/kernel/*.S)
KERNEL_CFLAGS := $(COMMON) -O2 -ffreestanding -nostdinc -isystem $(CC_INCLUDE) -mgeneral-regs-only \
  -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
KERNEL_OBJ := $(KERNEL_SRC:%.c=$(BUILD)/kernel/%.o) $(KERNEL_ASM:%.S=$(BUILD)/kernel/%.S.o)

# ---- ring 3 ----
# App, stack and driver are optimized as one program, where gcc compiles (it links): a translator such
# as QEMU's makes each call and return dear.
GUEST_CODE := -O2 -g $(if $(findstring gcc,$(CC)),-flto=auto -flto-partition=one) -fno-pic -fno-pie \
  -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -ffunction-sections \
  -fdata-sections
GUEST_CFLAGS := $(COMMON) $(GUEST_CODE) -nostdinc -isystem $(MUSL_INCLUDE) -isystem $(CC_INCLUDE) \
  -U_FORTIFY_SOURCE -Iruntime/platform/shared $(NET_CFLAGS)
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=sha1 -Wl,--gc-sections \
  -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,-z,max-page-size=4096
LIBNOM_DIRS := runtime/econ runtime/lib runtime/net runtime/net/lwip runtime/app \
  runtime/platform/shared runtime/platform/nom
LIBNOM_SRC := $(foreach d,$(LIBNOM_DIRS),$(wildcard $(d)/*.c))
LIBNOM_ASM := $(foreach d,$(LIBNOM_DIRS),$(wildcard $(d)/*.S))
LIBNOM_OBJ := $(LIBNOM_SRC:%.c=$(BUILD)/guest/%.o) $(LIBNOM_ASM:%.S=$(BUILD)/guest/%.S.o)
LWIP_OBJ := $(LWIP_SRC:$(LWIP)/%.c=$(BUILD)/guest/lwip/%.o)
GUEST_APPS := $(notdir $(patsubst %/,%,$(dir $(wildcard workloads/*/main.c))))
TEST_APPS := $(patsubst tests/guest/apps/%.c,%,$(wildcard tests/guest/apps/*.c))

LIB := $(BUILD)/lib/nom
# selfcheck has no hosted form: it asks about the machine that nom boots.
HOSTED_APPS := $(filter-out selfcheck,$(GUEST_APPS))
HOSTED_ELF := $(HOSTED_APPS:%=$(LIB)/hosted/%)
# The same apps on Linux's own sockets: as this machine's process, and static for a Linux guest.
SOCKETS_APPS := $(notdir $(patsubst %/sockets/,%,$(dir $(wildcard workloads/*/sockets/main.c))))
SOCKETS_ELF := $(SOCKETS_APPS:%=$(LIB)/sockets/%)
LINUX_ELF := $(SOCKETS_APPS:%=$(LIB)/linux-guest/%)
APP_ELF := $(GUEST_APPS:%=$(LIB)/%.elf)
TEST_ELF := $(TEST_APPS:%=$(BUILD)/tests/apps/%.elf)
# The price daemon: as a guest's app, and as a process of Linux.
PRICED_SRC := $(wildcard runtime/priced/*.c)
PRICED_ELF := $(LIB)/priced.elf
PRICED_HOSTED := $(LIB)/hosted/priced
SITE := $(shell find workloads/nhttpd/www -type f 2>/dev/null)

.PHONY: all guest hosted tests check-quick check bench suite mixed fuzz format lint lines install clean help
all: $(BUILD)/bin/nomctl guest hosted tests
hosted: $(HOSTED_ELF) $(SOCKETS_ELF) $(PRICED_HOSTED)
.PHONY: demo-parts # what ./demo needs: neither tests nor ported programs
demo-parts: $(BUILD)/bin/nomctl $(LIB)/nom.elf $(LIB)/initrd.cpio $(LINUX_ELF) hosted

ifeq ($(SAN),1)
# Guests have no sanitizer: the sanitized tools drive the ordinary ones.
guest:
	@$(MAKE) --no-print-directory SAN=0 BUILD=build guest
	@mkdir -p $(LIB) && for file in nom.elf initrd.cpio linux-guest $(GUEST_APPS:%=%.elf) priced.elf \
	  $(notdir $(PORTED_GUEST)); do \
	  ln -sfn ../../../lib/nom/$$file $(LIB)/$$file; done
else
guest: $(LIB)/nom.elf $(APP_ELF) $(PRICED_ELF) $(LINUX_ELF) $(LIB)/initrd.cpio $(BUILD)/tests/initrd.cpio
endif
tests: $(TESTS) $(GUEST_HELPERS) $(CLI_HELPERS)

help:
	@sed -n '/^# /{s/^# //p;/^ *$$/q}; /^#$$/d; /^ifeq/q' Makefile
	@echo "Targets: all (default), guest, tests, check-quick (under two minutes), check (everything),"
	@echo "  fuzz (SECONDS=600 FUZZERS='http control table stack priced load netpipe'), coverage (needs gcovr),"
	@echo "  suite (memcached's own tests, all that can run: SUITE='--accel kvm --jobs 2 TEST.t...'),"
	@echo "  bench (nom, hosted, nginx; memcached; churn; idle connections; netpipe; boot; prices; BENCH='--repeats N --seconds S'), lines (of the kernel), lint, format,"
	@echo "  install, clean"

# ---- rules ----
$(BUILD)/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c $< -o $@
$(BUILD)/host/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c $< -o $@

$(BUILD)/libhost.a: $(HOST_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libparts.a: $(PARTS_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/bin/nomctl: $(NOMCTL_OBJ) $(BUILD)/libhost.a $(BUILD)/libparts.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ $(HOST_LDLIBS) -o $@

BENCH_OBJ := $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard tests/bench/*.c))
# Loaded into QEMU, by scene stages.
STAMPS := $(BUILD)/tests/stamps.so
tests: $(STAMPS) $(BUILD)/bin/nom-bench
$(STAMPS): tests/bench/preload/stamps.c tests/bench/stages.h
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -U_FORTIFY_SOURCE -fPIC -shared $< -o $@
$(BUILD)/bin/nom-bench: $(BENCH_OBJ) $(BUILD)/libhost.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ $(HOST_LDLIBS) -o $@

TEST_HELP_OBJ := $(TEST_HELP_SRC:%.c=$(BUILD)/host/%.o)
$(BUILD)/tests/unit/%: $(BUILD)/host/tests/unit/%.o $(TEST_HELP_OBJ) $(BUILD)/libparts.a $(BUILD)/libhost.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $(filter %.o,$^) $(BUILD)/libparts.a $(BUILD)/libhost.a $(HOST_LDLIBS) -lcmocka -o $@

# An app of the hosted floor: threads run on cores.
$(BUILD)/tests/unit/test_thread: $(BUILD)/hosted/tests/unit/test_thread.o $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -lcmocka -o $@

# Programs of the hosted floor that call what a ported program's C library calls, without a network:
# tests/posix/world.c.
POSIX_PARTS := $(filter-out %/main.c,$(wildcard runtime/posix/*.c))
tests: $(patsubst tests/posix/%.c,$(BUILD)/tests/posix/%,$(wildcard tests/posix/test_*.c))
$(BUILD)/libposix-hosted.a: $(POSIX_PARTS:%.c=$(BUILD)/hosted/%.o)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/tests/posix/%: $(BUILD)/hosted/tests/posix/%.o $(BUILD)/hosted/tests/posix/world.o $(BUILD)/libposix-hosted.a $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -lcmocka -o $@

$(BUILD)/hosted/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) -c $< -o $@
$(BUILD)/hosted/lwip/%.o: $(LWIP)/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) -Wno-error -w -c $< -o $@
$(BUILD)/libhosted.a: $(HOSTED_OBJ)
	@rm -f $@
	ar rcs $@ $^
define HOSTED_RULE
$(LIB)/hosted/$(1): $(patsubst %.c,$(BUILD)/hosted/%.o,$(wildcard workloads/$(1)/*.c)) $(BUILD)/libhosted.a
	@mkdir -p $$(@D)
	$$(CC) $$(HOST_LDFLAGS) $$^ -lm -o $$@
endef
$(foreach a,$(HOSTED_APPS),$(eval $(call HOSTED_RULE,$(a))))
$(PRICED_HOSTED): $(patsubst %.c,$(BUILD)/hosted/%.o,$(PRICED_SRC) $(wildcard runtime/priced/linux/*.c)) $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -ljansson -lcurl -lm -o $@
# Apps of the hosted floor's tests; the other programs there are ordinary ones.
$(BUILD)/tests/hosted/nic $(BUILD)/tests/hosted/board: $(BUILD)/tests/hosted/%: $(BUILD)/hosted/tests/hosted/%.o $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -o $@
# What the stack allows, for the bench: the guest's test app as a process too.
CEILING := $(BUILD)/tests/hosted/ceiling
tests: $(CEILING)
$(CEILING): $(BUILD)/hosted/tests/guest/apps/ceiling.o $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -o $@
# What knows sockets takes the place of what knows the stack; the protocol and the files stay.
SOCKETS_SRC = $(foreach f,workloads/$(1)/http*.c workloads/$(1)/site.c workloads/$(1)/sockets/*.c,$(wildcard $(f)))
define SOCKETS_RULE
$(LIB)/sockets/$(1): $(patsubst %.c,$(BUILD)/hosted/%.o,$(call SOCKETS_SRC,$(1))) $(BUILD)/libhosted.a
	@mkdir -p $$(@D)
	$$(CC) $$(HOST_LDFLAGS) $$^ -lm -o $$@
$(LIB)/linux-guest/$(1): $(patsubst %.c,$(BUILD)/hosted/%.o,$(call SOCKETS_SRC,$(1))) $(BUILD)/libhosted.a
	@mkdir -p $$(@D)
	$$(CC) -static $$(HOST_LDFLAGS) $$^ -lm -o $$@
endef
$(foreach a,$(SOCKETS_APPS),$(eval $(call SOCKETS_RULE,$(a))))

$(BUILD)/memory/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(MEMORY_CFLAGS) -c $< -o $@
$(BUILD)/memory/lwip/%.o: $(LWIP)/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(MEMORY_CFLAGS) -Wno-error -w -c $< -o $@
$(BUILD)/libmemory.a: $(MEMORY_OBJ)
	@rm -f $@
	ar rcs $@ $^

# ---- fuzzers (clang), and their tests fed with files (CC, no libFuzzer) ----
# FUZZ_SRC_NAME: what fuzz_NAME.c tests; the stack is that of the memory floor.
.PHONY: fuzzers replayers
FUZZ := $(BUILD)/fuzz
FUZZ_SRC_http := $(wildcard workloads/nhttpd/http*.c)
FUZZ_SRC_control := $(filter-out runtime/lib/thread%,$(wildcard runtime/econ/*.c runtime/lib/*.c))
FUZZ_SRC_table := $(FUZZ_SRC_control) tuner/table_file.c tuner/utility_text.c
FUZZ_SRC_netpipe := workloads/netpipe/protocol.c workloads/netpipe/sizes.c
FUZZ_SRC_load := workloads/load/keys.c $(wildcard workloads/load/memcached*.c)
FUZZ_SRC_priced := $(filter-out %/main.c %/options.c %/options_check.c,$(wildcard runtime/priced/*.c))
FUZZ_SRC_stack := $(filter-out %/main.c runtime/lib/thread%,$(MEMORY_SRC) $(wildcard workloads/nhttpd/*.c))
FUZZ_LWIP_stack := $(LWIP_SRC:$(LWIP)/%.c=lwip/%.o)
FUZZ_ALL := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS ?= $(FUZZ_ALL)
FUZZ_CFLAGS := $(filter-out -O% -D_FORTIFY_SOURCE=2 -fsanitize=%,$(MEMORY_CFLAGS)) -O1 -fno-omit-frame-pointer
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_LDLIBS := $(HOST_LDLIBS)
# What guides a fuzzer: the code under test. The floor in memory would only slow it down.
FUZZ_GUIDE = -fsanitize=fuzzer-no-link
$(FUZZ)/obj/runtime/platform/memory/%.o $(FUZZ)/obj/tests/fuzz/fuzz_stack.o: FUZZ_GUIDE =

$(FUZZ)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) $(FUZZ_SAN) $(FUZZ_GUIDE) -c $< -o $@
$(FUZZ)/obj/lwip/%.o: $(LWIP)/%.c Makefile
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) $(FUZZ_SAN) $(FUZZ_GUIDE) -Wno-error -w -c $< -o $@
define FUZZ_RULE
$(FUZZ)/fuzz_$(1): $(addprefix $(FUZZ)/obj/,tests/fuzz/fuzz_$(1).o $(FUZZ_SRC_$(1):.c=.o) $(FUZZ_LWIP_$(1)))
	clang $(FUZZ_SAN) -fsanitize=fuzzer $$^ $(FUZZ_LDLIBS) -o $$@
# The same test fed with files: objects of the memory floor, by CC, sanitized or measured as they are.
$(FUZZ)/replay_$(1): $(addprefix $(BUILD)/memory/,tests/fuzz/fuzz_$(1).o tests/fuzz/replay.o $(FUZZ_SRC_$(1):.c=.o) $(FUZZ_LWIP_$(1)))
	@mkdir -p $$(@D)
	$(CC) $(HOST_LDFLAGS) $$^ $(FUZZ_LDLIBS) -o $$@
endef
$(foreach f,$(FUZZ_ALL),$(eval $(call FUZZ_RULE,$(f))))
$(FUZZ)/seeds: $(BUILD)/memory/tests/fuzz/seeds.o $(addprefix $(BUILD)/memory/,$(FUZZ_SRC_control:.c=.o))
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ $(FUZZ_LDLIBS) -o $@
fuzzers: $(FUZZ_ALL:%=$(FUZZ)/fuzz_%) $(FUZZ)/seeds
replayers: $(FUZZ_ALL:%=$(FUZZ)/replay_%)
SECONDS ?= 600
fuzz: $(FUZZERS:%=$(FUZZ)/fuzz_%)
	tests/fuzz/run $(FUZZ) $(SECONDS) $(FUZZERS)

# ---- coverage ----
.PHONY: coverage coverage-build
coverage-build: tests replayers $(BUILD)/bin/nomctl $(HOSTED_ELF) $(LIB)/initrd.cpio
coverage:
	$(MAKE) --no-print-directory CC=gcc COVERAGE=1 BUILD=$(BUILD)/cov coverage-build >/dev/null
	tools/coverage $(BUILD)/cov $(FUZZ)/corpus

# ---- tests on a link in memory: nhttpd on one end, a client on the other ----
# lwIP is one per program, so the client's is a second copy, whose global names get the prefix peer_.
# Names of the compiler's own keep theirs.
MEMORY_TEST_SRC := $(wildcard tests/memory/test_*.c)
MEMORY_HELP_SRC := $(filter-out $(MEMORY_TEST_SRC) tests/memory/client.c,$(wildcard tests/memory/*.c)) \
  $(wildcard workloads/nhttpd/*.c)
MEMORY_HELP_OBJ := $(MEMORY_HELP_SRC:%.c=$(BUILD)/memory/%.o)
MEMORY_TESTS := $(MEMORY_TEST_SRC:tests/memory/%.c=$(BUILD)/tests/memory/%)
tests: $(MEMORY_TESTS)

$(BUILD)/memory/peer.o: $(BUILD)/memory/tests/memory/client.o $(MEMORY_OBJ)
	ld -r $^ -o $@.whole
	nm --defined-only -g $@.whole | awk '$$3 !~ /^(client_|_+(asan|ubsan|sanitizer|sancov|llvm|gcov)_|asan[.]|sancov[.]|DW[.])/ \
	  { print $$3, "peer_" $$3 }' | sort -u >$@.names
	objcopy --redefine-syms=$@.names $@.whole $@
	@rm -f $@.whole
$(BUILD)/tests/memory/%: $(BUILD)/memory/tests/memory/%.o $(MEMORY_HELP_OBJ) $(BUILD)/memory/peer.o $(BUILD)/libmemory.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -lcmocka -o $@

# netpipe in nhttpd's place: its main is netpipe_main there, most other names are its own.
NETPIPE_NAMES := netpipe_main np_sizes_begin np_sizes_next
$(BUILD)/memory/netpipe.o: $(patsubst %.c,$(BUILD)/memory/%.o,$(wildcard workloads/netpipe/*.c))
	ld -r $^ -o $@.whole
	objcopy --redefine-sym plat_main=netpipe_main $(NETPIPE_NAMES:%=--keep-global-symbol=%) $@.whole $@
	@rm -f $@.whole
$(BUILD)/tests/memory/test_netpipe: $(BUILD)/memory/netpipe.o

# The calls of ported programs, with a test in the program's place.
POSIX_TEST_SRC := $(wildcard tests/memory/posix/test_*.c)
POSIX_HELP_SRC := $(filter-out $(POSIX_TEST_SRC),$(wildcard tests/memory/posix/*.c))
POSIX_TESTS := $(POSIX_TEST_SRC:tests/memory/posix/%.c=$(BUILD)/tests/memory/posix/%)
tests: $(POSIX_TESTS)
$(BUILD)/libposix-memory.a: $(POSIX_PARTS:%.c=$(BUILD)/memory/%.o)
	@rm -f $@
	ar rcs $@ $^
$(POSIX_TESTS): $(BUILD)/tests/memory/%: $(BUILD)/memory/tests/memory/%.o $(POSIX_HELP_SRC:%.c=$(BUILD)/memory/%.o) $(MEMORY_HELP_OBJ) $(BUILD)/memory/peer.o $(BUILD)/libposix-memory.a $(BUILD)/libmemory.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -lcmocka -o $@

# Programs that tests of the command line use: a database to read, a control port to talk to.
$(BUILD)/tests/cli/%: $(BUILD)/host/tests/cli/%.o $(BUILD)/libparts.a $(BUILD)/libhost.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ $(HOST_LDLIBS) -o $@

# Clients that tests of guests use.
$(BUILD)/tests/guest/%: $(BUILD)/host/tests/guest/%.o $(BUILD)/libhost.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ $(HOST_LDLIBS) -o $@

# Clients and links that tests of hosted apps use.
HOSTED_HELPERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/hosted/*.c))
tests: $(HOSTED_HELPERS)
$(BUILD)/tests/hosted/mixed: $(BUILD)/host/tests/hosted/mixed.o $(BUILD)/libhost.a
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ $(HOST_LDLIBS) -o $@
$(BUILD)/tests/hosted/%: $(BUILD)/host/tests/hosted/%.o
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) $^ -lm -o $@

$(BUILD)/kernel/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@
$(BUILD)/kernel/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@
$(LIB)/nom.elf: $(KERNEL_OBJ) runtime/kernel/kernel.ld
	@mkdir -p $(@D)
	gcc -nostdlib -static -no-pie -Wl,--build-id=sha1 -Wl,--gc-sections -Wl,-z,noexecstack \
	  -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -T runtime/kernel/kernel.ld $(KERNEL_OBJ) -o $@

$(BUILD)/guest/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -c $< -o $@
$(BUILD)/guest/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -c $< -o $@
$(BUILD)/guest/lwip/%.o: $(LWIP)/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -Wno-error -w -c $< -o $@

$(BUILD)/libnom.a: $(LIBNOM_OBJ) $(LWIP_OBJ)
	@rm -f $@
	gcc-ar rcs $@ $^

GUEST_LINK = gcc $(GUEST_CODE) $(GUEST_LDFLAGS) -Wl,--start-group $(filter %.o,$^) \
  $(BUILD)/libnom.a -Wl,--end-group $(MUSL_LIB)/libc.a $(LIBGCC) -o $@
define APP_RULE
$(LIB)/$(1).elf: $(patsubst %.c,$(BUILD)/guest/%.o,$(wildcard workloads/$(1)/*.c)) $(BUILD)/libnom.a
	@mkdir -p $$(@D)
	$$(GUEST_LINK)
endef
$(foreach a,$(GUEST_APPS),$(eval $(call APP_RULE,$(a))))
# jansson, as priced reads JSON with it in a guest: no files, no system's entropy, no output.
JANSSON_SRC := $(foreach f,error hashtable load memory strbuffer strconv utf value,$(JANSSON)/$(f).c)
JANSSON_OBJ := $(JANSSON_SRC:$(JANSSON)/%.c=$(BUILD)/guest/jansson/%.o)
JANSSON_CFLAGS := -Iruntime/priced/nom -isystem $(JANSSON)
$(BUILD)/guest/jansson/%.o: $(JANSSON)/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) $(JANSSON_CFLAGS) -DHAVE_CONFIG_H -DNDEBUG -Wno-error -w -c $< -o $@
$(BUILD)/guest/runtime/priced/%.o: GUEST_CFLAGS += $(JANSSON_CFLAGS)
$(PRICED_ELF): $(patsubst %.c,$(BUILD)/guest/%.o,$(PRICED_SRC) $(wildcard runtime/priced/nom/*.c)) $(JANSSON_OBJ) $(BUILD)/libnom.a
	@mkdir -p $(@D)
	$(GUEST_LINK)
$(BUILD)/tests/apps/%.elf: $(BUILD)/guest/tests/guest/apps/%.o $(BUILD)/libnom.a
	@mkdir -p $(@D)
	$(GUEST_LINK)
# An app of several files.
HOSTILE_OBJ := $(patsubst %.c,$(BUILD)/guest/%.o,$(wildcard tests/guest/hostile/*.c)) \
  $(patsubst %.S,$(BUILD)/guest/%.S.o,$(wildcard tests/guest/hostile/*.S))
$(BUILD)/tests/apps/hostile.elf: $(HOSTILE_OBJ)

# An initrd holds each app under its name, and the files it serves.
$(LIB)/initrd.cpio: $(APP_ELF) $(PRICED_ELF) $(SITE) tools/make-initrd
	tools/make-initrd $@ $(APP_ELF) $(PRICED_ELF) -- $(SITE:workloads/nhttpd/%=workloads/nhttpd:%)
$(BUILD)/tests/initrd.cpio: $(APP_ELF) $(PRICED_ELF) $(TEST_ELF) $(SITE) tools/make-initrd
	tools/make-initrd $@ $(APP_ELF) $(PRICED_ELF) $(TEST_ELF) -- $(SITE:workloads/nhttpd/%=workloads/nhttpd:%)

include runtime/posix/posix.mk

# ---- checks ----
check-quick: all
	tests/run quick
check:
	./check
bench: all ported $(BUILD)/bin/nom-bench
	$(BUILD)/bin/nom-bench --db $(BUILD)/bench.db $(BENCH)
suite: all
	tests/guest/memcached/suite --all $(SUITE)
# memcached under the mixed load of 1,000 connections, hosted under the sanitizers and in a guest, for
# MIXED seconds each.
MIXED ?= 1200
mixed: all
	$(MAKE) --no-print-directory SAN=1 hosted tests
	NOM_MIXED_SECONDS=$(MIXED) BUILD=build/san bats --show-output-of-passing-tests tests/hosted/mixed.bats
	NOM_MIXED_SECONDS=$(MIXED) bats --show-output-of-passing-tests tests/guest/mixed.bats
lint:
	tests/run lint
lines: # of the kernel
	@tools/kernel-lines runtime/kernel
format:
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

install: all install-posix
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/nom $(DESTDIR)$(PREFIX)/share/doc/nom
	install -m 755 $(BUILD)/bin/nomctl $(DESTDIR)$(PREFIX)/bin/nomctl
	install -m 644 $(LIB)/nom.elf $(APP_ELF) $(PRICED_ELF) $(LIB)/initrd.cpio $(DESTDIR)$(PREFIX)/lib/nom/
	install -d $(DESTDIR)$(PREFIX)/lib/nom/hosted $(DESTDIR)$(PREFIX)/lib/nom/sockets $(DESTDIR)$(PREFIX)/lib/nom/linux-guest
	install -m 755 $(HOSTED_ELF) $(PRICED_HOSTED) $(PORTED_HOSTED) $(DESTDIR)$(PREFIX)/lib/nom/hosted/
	install -m 755 $(SOCKETS_ELF) $(DESTDIR)$(PREFIX)/lib/nom/sockets/
	install -m 755 $(LINUX_ELF) $(DESTDIR)$(PREFIX)/lib/nom/linux-guest/
	install -m 644 $(PORTED_GUEST) $(DESTDIR)$(PREFIX)/lib/nom/
	install -m 644 README.md ARCHITECTURE.md $(wildcard docs/*.md) $(DESTDIR)$(PREFIX)/share/doc/nom/

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
