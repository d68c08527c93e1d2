# SPDX-License-Identifier: GPL-2.0
# Each target is one script of scripts/; a script says what it does at its top.

CONFIG ?=
TESTS ?= *
DEMO ?= move
export LINUX_TARBALL KARGS JOBS W C TARGETS SILENCE

.DEFAULT_GOAL := help

## run: a live Redis moves, in a booted guest [CONFIG=default|swaponly] [DEMO=move|unplug]
.PHONY: run
run: image
	@scripts/demo '$(or $(CONFIG),default)' '$(DEMO)'

## shell: a root shell in that guest [CONFIG=default|swaponly|debug]
.PHONY: shell
shell: image
	@scripts/shell '$(or $(CONFIG),default)'

## check: all tests, in each kernel [TESTS=pattern] [CONFIG="static default swaponly debug"]
.PHONY: check
check: deps
	@scripts/check '$(CONFIG)' '$(TESTS)'

## bench: measure against stock, draw pictures: build/bench [CONFIG=default]
.PHONY: bench
bench: image
	@scripts/bench '$(or $(CONFIG),default)'

## lint: the static checks alone
.PHONY: lint
lint: deps
	@scripts/check static '$(TESTS)'

## kernel: build/$CONFIG/arch/x86/boot/bzImage [CONFIG=default|swaponly|debug]
.PHONY: kernel
kernel: tree
	@scripts/build-kernel '$(or $(CONFIG),default)'

## rootfs: the guest's file system, build/rootfs.img
.PHONY: rootfs
rootfs: tree
	@scripts/build-rootfs

.PHONY: image
image: tree
	@scripts/build-kernel '$(or $(CONFIG),default)'
	@scripts/build-rootfs

## tree: build/linux: base, new files and hooks [LINUX_TARBALL=a 6.12.y tarball]
.PHONY: tree
tree: deps
	@scripts/prepare-tree

## export: write edits of hooked files in build/linux back into patches/
.PHONY: export
export:
	@scripts/export-hooks

## hooks: count the lines that the hooks change in existing files
.PHONY: hooks
hooks:
	@scripts/count-hooks

## series: the whole series as flat patches, in build/series
.PHONY: series
series: tree
	@scripts/make-series

## deps: install the host's tools, by Debian package name
.PHONY: deps
deps:
	@scripts/install-deps

## clean: remove build/
.PHONY: clean
clean:
	rm -rf build

## help: this list
.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{ printf "make %-8s %s\n", $$1, $$2 }'
