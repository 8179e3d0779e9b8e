# Ported programs: musl, and both floors' parts, as nom-cc links them, in $(LIB)/sysroot. Included by
# the Makefile, whose variables and rules for objects it uses.

SYSROOT := $(LIB)/sysroot
MUSL := $(shell tools/fetch-sources $(FETCH) musl)
ifeq ($(MUSL),)
$(error sources are missing, see the line above)
endif
POSIX_SRC := $(wildcard runtime/posix/*.c)
# What is the same whether host code is sanitized, measured or neither; then build/ has it.
POSIX_BORROWS := $(filter 1,$(SAN) $(COVERAGE))
POSIX_SHARED := libc.a libc-sanitized.a program.ld program.names program-sanitized.names guest.o
# What programs ask for by name; all of it is in libc.a.
LIBC_EMPTY := $(patsubst %,lib%.a,m rt pthread crypt util xnet resolv dl)

.PHONY: posix posix-shared
posix: posix-shared $(addprefix $(SYSROOT)/,config.site lib/hosted.a lib/hosted.flags as/as) $(BUILD)/bin/nom-cc

$(BUILD)/bin/nom-cc: tools/nom-cc
	@mkdir -p $(@D)
	install -m 755 $< $@

# Where gcc finds its assembler, told to look there.
$(SYSROOT)/as/as: tools/nom-as
	@mkdir -p $(@D)
	install -m 755 $< $@

$(SYSROOT)/config.site: runtime/posix/libc/config.site
	@mkdir -p $(@D)
	cp $< $@

POSIX_SHARED_FILES := $(POSIX_SHARED:%=$(SYSROOT)/lib/%)
ifneq ($(POSIX_BORROWS),)
posix-shared:
	@$(MAKE) --no-print-directory SAN=0 COVERAGE=0 BUILD=build posix-shared
	@mkdir -p $(SYSROOT)/lib && ln -sfn ../../../../lib/nom/sysroot/include $(SYSROOT)/include && \
	  for file in $(POSIX_SHARED) $(LIBC_EMPTY); do \
	    ln -sfn ../../../../../lib/nom/sysroot/lib/$$file $(SYSROOT)/lib/$$file; done
$(POSIX_SHARED_FILES): posix-shared
	@:
else
posix-shared: $(POSIX_SHARED_FILES)

# musl is built once, not looked through at each make.
LIBC_PARTS := $(wildcard runtime/posix/libc/*.[ch] runtime/posix/libc/*.mk) runtime/posix/libc/sanitized.names \
  runtime/posix/calls.h runtime/posix/program.h runtime/platform/nom/memcpy.S
$(SYSROOT)/lib/libc.a: $(LIBC_PARTS)
	@echo "musl: $(SYSROOT)"
	@$(MAKE) --silent -f runtime/posix/libc/musl.mk MUSL=$(MUSL) OUT=$(BUILD)/musl \
	  SYSROOT=$(SYSROOT) EMPTY='$(LIBC_EMPTY)'
	@touch $(SYSROOT)/lib/libc-sanitized.a $@
$(SYSROOT)/lib/libc-sanitized.a: $(SYSROOT)/lib/libc.a ;
$(SYSROOT)/lib/%.ld: runtime/posix/libc/%.ld
	@mkdir -p $(@D)
	cp $< $@
# All that may be undefined in a program.
$(SYSROOT)/lib/program.names: runtime/posix/calls.h
	@mkdir -p $(@D)
	(echo '#include "$<"'; echo '#define NAME(name, count) @posix_sys_##name'; echo 'POSIX_CALLS(NAME)') | \
	  gcc -E -P -I. -x c - | tr ' ' '\n' | sed -n 's/^@//p' >$@
	printf '%s\n' posix_sys_missing posix_thread_pointer posix_thread_start posix_thread_end >>$@
$(SYSROOT)/lib/program-sanitized.names: $(SYSROOT)/lib/program.names runtime/posix/libc/sanitized.names
	sed 's/#.*//; s/  *$$//; /^$$/d' $^ >$@

# ---- the floors: all of a floor in one object, or one archive, so that a link is quick ----
POSIX_GUEST := $(POSIX_SRC:%.c=$(BUILD)/guest/%.o)
$(SYSROOT)/lib/guest.o: $(POSIX_GUEST) $(BUILD)/libnom.a
	@mkdir -p $(@D)
	gcc $(GUEST_CODE) -nostdlib -r -flinker-output=nolto-rel -Wl,-u,_start $(POSIX_GUEST) \
	  -Wl,--start-group $(BUILD)/libnom.a -Wl,--end-group $(MUSL_LIB)/libc.a $(LIBGCC) -o $@
endif

POSIX_HOSTED := $(POSIX_SRC:%.c=$(BUILD)/hosted/%.o)
$(SYSROOT)/lib/hosted.a: $(POSIX_HOSTED) $(HOSTED_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^
$(SYSROOT)/lib/hosted.flags: Makefile runtime/posix/posix.mk
	@mkdir -p $(@D)
	echo '$(filter -fsanitize% --coverage,$(HOST_LDFLAGS)) -lm' >$@

# ---- ported programs: objects, once; then linked to each floor ----
# What a program is compiled with. A floor that changes does not touch the object.
PORTS := $(if $(filter 1,$(COVERAGE)),build,$(BUILD))/ported
PORT_TOOLS := tools/port $(addprefix $(SYSROOT)/,config.site as/as lib/libc.a lib/libc-sanitized.a lib/program.ld \
  lib/program.names lib/program-sanitized.names) | $(BUILD)/bin/nom-cc
PORT_ENVIRONMENT := $(if $(filter 1,$(SAN)),NOM_SANITIZE=address)
$(PORTS)/libevent/regress.o: workloads/libevent/build $(PORT_TOOLS)
	@echo "libevent: $(@D)"
	+@rm -rf $(@D) && $(PORT_ENVIRONMENT) workloads/libevent/build $(BUILD)/bin/nom-cc $(@D)
$(PORTS)/memcached/memcached.o: workloads/memcached/build $(PORTS)/libevent/regress.o $(PORT_TOOLS)
	@echo "memcached: $(@D)"
	+@rm -rf $(@D) && $(PORT_ENVIRONMENT) workloads/memcached/build $(BUILD)/bin/nom-cc $(PORTS)/libevent $(@D)

LINK_HOSTED = @mkdir -p $(@D) && NOM_FLOORS=hosted $(PORT_ENVIRONMENT) $(BUILD)/bin/nom-cc $(1) -o $@
PORTED := memcached
PORTED_ELF := $(PORTED:%=$(LIB)/%.elf)
PORTED_INITRD := $(PORTED:%=$(LIB)/%.cpio)
PORTED_HOSTED := $(PORTED:%=$(LIB)/hosted/%)
PORTED_TESTS := $(BUILD)/tests/ported/regress $(BUILD)/tests/ported/memcached-debug \
  $(if $(filter 1,$(SAN)),,$(BUILD)/tests/ported/memcached-debug.cpio)
PORTED_GUEST := $(PORTED_ELF) $(PORTED_INITRD)
.PHONY: ported
ported: $(if $(POSIX_BORROWS),,$(PORTED_GUEST)) $(PORTED_HOSTED) $(PORTED_TESTS)
# WITHOUT_PORTED=1: our side alone, for a second compiler. nom-cc compiles programs with gcc anyway.
ifeq ($(WITHOUT_PORTED),1)
all: $(POSIX_GUEST) $(POSIX_HOSTED)
else
all: posix
hosted: $(PORTED_HOSTED)
tests: $(PORTED_TESTS)
endif
ifeq ($(POSIX_BORROWS),)
$(LIB)/memcached.elf: $(PORTS)/memcached/memcached.o $(SYSROOT)/lib/guest.o
	@mkdir -p $(@D)
	NOM_FLOORS=guest $(BUILD)/bin/nom-cc $< -o $@
# Each has an initrd of its own, so that guests of other apps stay small.
$(PORTED_INITRD): $(LIB)/%.cpio: $(LIB)/%.elf $(PRICED_ELF) tools/make-initrd
	tools/make-initrd $@ $< $(PRICED_ELF) --
ifneq ($(WITHOUT_PORTED),1)
guest: $(PORTED_GUEST)
$(BUILD)/tests/ported/memcached-debug.elf: $(PORTS)/memcached/memcached.o $(SYSROOT)/lib/guest.o
	@mkdir -p $(@D)
	NOM_FLOORS=guest $(BUILD)/bin/nom-cc $(<D)/memcached-debug.o -o $@
$(BUILD)/tests/ported/memcached-debug.cpio: $(BUILD)/tests/ported/memcached-debug.elf tools/make-initrd
	tools/make-initrd $@ $< -- $$(tools/fetch-sources memcached):t/authfile
endif
endif
$(LIB)/hosted/memcached: $(PORTS)/memcached/memcached.o $(SYSROOT)/lib/hosted.a $(SYSROOT)/lib/hosted.flags
	$(call LINK_HOSTED,$<)
$(BUILD)/tests/ported/memcached-debug: $(PORTS)/memcached/memcached.o $(SYSROOT)/lib/hosted.a $(SYSROOT)/lib/hosted.flags
	$(call LINK_HOSTED,$(<D)/memcached-debug.o)
$(BUILD)/tests/ported/regress: $(PORTS)/libevent/regress.o $(SYSROOT)/lib/hosted.a $(SYSROOT)/lib/hosted.flags
	$(call LINK_HOSTED,$<)

.PHONY: install-posix
install-posix: posix
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/nom/sysroot
	install -m 755 $(BUILD)/bin/nom-cc $(DESTDIR)$(PREFIX)/bin/nom-cc
	cp -RL $(SYSROOT)/. $(DESTDIR)$(PREFIX)/lib/nom/sysroot/

# All of libevent's own tests, by every method; tests/hosted/libevent.bats runs those of them that take
# less time.
.PHONY: test-libevent
test-libevent: $(BUILD)/tests/ported/regress
	@failed=0; for method in epoll changelist timerfd debug poll select; do \
	  BUILD=$(BUILD) tests/hosted/libevent/check $$method || failed=1; done; exit $$failed
