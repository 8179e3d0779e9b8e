# Builds musl from its source, with our system-call layer in the place of its own: one libc.a, and
# its headers. Run by posix.mk, with MUSL (the source), OUT (objects), SYSROOT (what it makes) and
# EMPTY (libraries that programs ask for by name; all of it is in libc.a).

SELF := $(lastword $(MAKEFILE_LIST))
HERE := $(dir $(SELF))
MAKEFLAGS += --no-builtin-rules

# What ours replaces: thread.c, and (with a system call in assembly) what musl has in C as well; and
# the copying and comparing that requests are made of.
REPLACED := src/thread/clone.c src/thread/__unmapself.c src/thread/__set_thread_area.c \
  src/thread/pthread_cancel.c src/thread/__syscall_cp.c src/thread/syscall_cp.c src/thread/__tls_get_addr.c \
  src/internal/vdso.c src/string/memcmp.c src/string/memcpy.c
REPLACED_ARCH := src/string/x86_64/memcpy.s src/thread/x86_64/% src/signal/x86_64/restore.s src/process/x86_64/vfork.s \
  src/ldso/x86_64/%

C := $(patsubst $(MUSL)/%,%,$(wildcard $(MUSL)/src/*/*.c $(MUSL)/src/malloc/mallocng/*.c))
ARCH := $(filter-out $(REPLACED_ARCH),$(patsubst $(MUSL)/%,%,$(wildcard $(MUSL)/src/*/x86_64/*.[cs])))
BY_ARCH := $(addsuffix .c,$(subst /x86_64/,/,$(basename $(ARCH))))
SRC := $(filter-out $(REPLACED) $(BY_ARCH),$(C)) $(ARCH)
OURS := $(patsubst $(HERE)%,%,$(wildcard $(HERE)*.c))
MEMCPY := $(HERE)../../platform/nom/memcpy.S
OBJ := $(SRC:%=$(OUT)/%.o) $(OURS:%=$(OUT)/ours/%.o) $(OUT)/ours/memcpy.S.o

INCLUDE := -I$(HERE) $(addprefix -isystem ,$(MUSL)/arch/x86_64 $(MUSL)/arch/generic $(OUT)/internal \
  $(MUSL)/src/include $(MUSL)/src/internal $(OUT)/include $(MUSL)/include)
CFLAGS := -std=c99 -O2 -pipe -ffreestanding -nostdinc -fexcess-precision=standard -frounding-math \
  -fno-strict-aliasing -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer -ffunction-sections \
  -fdata-sections -Wa,--noexecstack -D_XOPEN_SOURCE=700 -MMD -MP $(INCLUDE)

LIBS := $(SYSROOT)/lib/libc.a $(SYSROOT)/lib/libc-sanitized.a $(EMPTY:%=$(SYSROOT)/lib/%)
GENERATED := $(OUT)/include/bits/alltypes.h $(OUT)/include/bits/syscall.h $(OUT)/internal/version.h

.PHONY: all headers
all: $(LIBS) headers
$(OUT)/include/bits/alltypes.h: $(MUSL)/tools/mkalltypes.sed
	@mkdir -p $(@D)
	sed -f $< $(MUSL)/arch/x86_64/bits/alltypes.h.in $(MUSL)/include/alltypes.h.in >$@
$(OUT)/include/bits/syscall.h: $(MUSL)/arch/x86_64/bits/syscall.h.in
	@mkdir -p $(@D)
	cp $< $@
	sed -n 's/__NR_/SYS_/p' $< >>$@
$(OUT)/internal/version.h: $(MUSL)/VERSION
	@mkdir -p $(@D)
	echo "#define VERSION \"$$(cat $<)\"" >$@
headers: $(GENERATED)
	mkdir -p $(SYSROOT)/include/bits
	cp -R $(MUSL)/include/. $(SYSROOT)/include/
	for from in $(MUSL)/arch/generic $(MUSL)/arch/x86_64 $(OUT)/include; do \
	  cp $$from/bits/*.h $(SYSROOT)/include/bits/ || exit; done
	rm -f $(SYSROOT)/include/*.in

# What implements memcpy and its like must not become a call of itself.
$(OUT)/src/string/%.o: CFLAGS += -fno-tree-loop-distribute-patterns
$(OUT)/%.o: $(MUSL)/% $(GENERATED) $(SELF)
	@mkdir -p $(@D)
	gcc $(CFLAGS) -w -c $< -o $@
$(OUT)/ours/%.o: $(HERE)% $(GENERATED) $(SELF)
	@mkdir -p $(@D)
	gcc $(CFLAGS) -Wall -Wextra -Werror -c $< -o $@
$(OUT)/ours/memcpy.S.o: $(MEMCPY) $(SELF)
	@mkdir -p $(@D)
	gcc $(CFLAGS) -c $< -o $@

$(SYSROOT)/lib/libc.a: $(OBJ)
	@mkdir -p $(@D)
	rm -f $@
	ar rcs $@ $^
# The same without the functions that the sanitizer has better ones for: they keep a name of their
# own, so that all who call them are left with an undefined one.
$(SYSROOT)/lib/libc-sanitized.a: $(SYSROOT)/lib/libc.a $(HERE)sanitized.names
	rm -rf $@ $(OUT)/sanitized
	mkdir -p $(OUT)/sanitized
	nm -A --defined-only $(OBJ) 2>/dev/null | awk 'FNR == NR { name[$$1] = 1; next } \
	  $$3 in name { sub(/:[^:]*$$/, "", $$1); print $$1, $$3 }' $(HERE)sanitized.names - >$(OUT)/sanitized/names
	while read -r object name; do copy=$(OUT)/sanitized/$$(echo "$$object" | tr / _); \
	  [ -f "$$copy" ] || cp "$$object" "$$copy"; objcopy --redefine-sym "$$name=musl_$$name" "$$copy" || exit; \
	done <$(OUT)/sanitized/names
	ar rcs $@ $$(printf '%s\n' $(OBJ) | grep -vxF "$$(cut -d' ' -f1 $(OUT)/sanitized/names)") $(OUT)/sanitized/*.o
$(filter-out %/libc.a %/libc-sanitized.a,$(LIBS)):
	@mkdir -p $(@D)
	ar rcs $@

-include $(OBJ:%.o=%.d)
