# SPDX-License-Identifier: GPL-2.0
# Each target is one script of scripts/; a script says what it does at its top.

CONFIGS := default swaponly debug stock
GOALS := help deps tree kernel rootfs run shell check soak bench lint hooks hook-lines series clean
CONFIG ?= default
# What is checked, unless one is named: debug takes three times as long
CHECKED := $(if $(filter file,$(origin CONFIG)),default swaponly,$(CONFIG))
TESTS ?= *
SECONDS ?= 600
DEMO ?= move
BENCH ?= all
export LINUX_TARBALL JOBS KARGS SILENCE SMALL

$(foreach g,$(MAKECMDGOALS),$(if $(filter $g,$(GOALS)),,\
	$(error unknown target '$g'; one of: $(GOALS))))
$(if $(filter-out $(CONFIGS),$(CONFIG) $(if $(CONFIG),,none)),\
	$(error unknown CONFIG '$(CONFIG)'; one of: $(CONFIGS)))

.PHONY: $(GOALS)
.NOTPARALLEL:

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{ printf "make %-11s %s\n", $$1, $$2 }'

## run: a live Redis moves, in a booted guest [DEMO=exchange: two change places]
run: kernel rootfs
	@scripts/demo $(CONFIG) $(DEMO)

## check: all checks and tests, in default and swaponly [TESTS=pattern] [CONFIG=one]
check: deps
	@scripts/check '$(TESTS)' $(CHECKED)

## soak: the tests of many things at once, for SECONDS=600 in each configuration
soak: deps
	@KARGS="$$KARGS swapmig.soak=$(SECONDS)" scripts/check stress. $(CHECKED)

## bench: what a migration costs, and whom; build/bench/ [BENCH=one of them] [SMALL=1]
bench: tree
	@scripts/build-kernel stock
	@scripts/build-kernel default
	@scripts/build-rootfs
	@scripts/bench $(BENCH)

## shell: a root shell in that guest
shell: kernel rootfs
	@scripts/boot $(CONFIG) shell

## kernel: build/$CONFIG/arch/x86/boot/bzImage [CONFIG=default|swaponly|debug|stock]
kernel: tree
	@scripts/build-kernel $(CONFIG)

## lint: the static checks alone
lint: kernel
	@scripts/lint all '$(TESTS)'
	@scripts/lint $(CONFIG) '$(TESTS)'

## tree: build/linux, base with new files and hooks [LINUX_TARBALL=a 6.12.y tarball]
tree: deps
	@scripts/prepare-tree

## hooks: write edits of hooked files in build/linux back into patches/
hooks:
	@scripts/export-hooks

## hook-lines: count the lines that the hooks change in existing files
hook-lines:
	@scripts/count-hooks

## series: the whole series as flat patches, in build/series
series: tree
	@scripts/make-series

## rootfs: the guest's file system, build/rootfs.img
rootfs: tree
	@scripts/build-rootfs

## deps: install the host's tools, by Debian package name
deps:
	@scripts/install-deps

## clean: remove build/
clean:
	rm -rf build
