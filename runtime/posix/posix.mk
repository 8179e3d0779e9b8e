# Ported programs: musl, and both floors' parts, as nom-cc links them, in $(LIB)/sysroot. Included by
# the Makefile, whose variables and rules for objects it uses.

SYSROOT := $(LIB)/sysroot
MUSL := $(shell tools/fetch-sources $(FETCH) musl)
POSIX_SRC := $(wildcard runtime/posix/*.c)
# What is the same whether host code is sanitized or not.
POSIX_SHARED := libc.a libc-sanitized.a program.ld program.names program-sanitized.names guest.o

.PHONY: posix posix-shared
posix: posix-shared $(SYSROOT)/lib/hosted.a $(SYSROOT)/lib/hosted.flags $(BUILD)/bin/nom-cc

$(BUILD)/bin/nom-cc: tools/nom-cc
	@mkdir -p $(@D)
	install -m 755 $< $@

ifeq ($(SAN),1)
posix-shared:
	@$(MAKE) --no-print-directory SAN=0 BUILD=build posix-shared
	@mkdir -p $(SYSROOT)/lib && ln -sfn ../../../../lib/nom/sysroot/include $(SYSROOT)/include && \
	  for file in $(POSIX_SHARED); do ln -sfn ../../../../../lib/nom/sysroot/lib/$$file $(SYSROOT)/lib/$$file; done
else
posix-shared: $(POSIX_SHARED:%=$(SYSROOT)/lib/%)
endif

# musl is built once, not looked through at each make.
LIBC_PARTS := $(wildcard runtime/posix/libc/*.[ch] runtime/posix/libc/*.mk) runtime/posix/libc/sanitized.names \
  runtime/posix/calls.h runtime/posix/program.h
$(SYSROOT)/lib/libc.a: $(LIBC_PARTS)
	@echo "musl: $(SYSROOT)"
	@$(MAKE) --silent -f runtime/posix/libc/musl.mk MUSL=$(MUSL) OUT=$(BUILD)/musl SYSROOT=$(SYSROOT)
	@touch $@
$(SYSROOT)/lib/libc-sanitized.a: $(SYSROOT)/lib/libc.a ;
$(SYSROOT)/lib/program.ld: runtime/posix/libc/program.ld
	@mkdir -p $(@D)
	cp $< $@
# All that may be undefined in a program.
$(SYSROOT)/lib/program.names: runtime/posix/calls.h runtime/posix/posix.mk
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
POSIX_HOSTED := $(POSIX_SRC:%.c=$(BUILD)/hosted/%.o)
$(SYSROOT)/lib/hosted.a: $(POSIX_HOSTED) $(HOSTED_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^
$(SYSROOT)/lib/hosted.flags: Makefile runtime/posix/posix.mk
	@mkdir -p $(@D)
	echo '$(filter -fsanitize% --coverage,$(HOST_LDFLAGS)) -lm' >$@
