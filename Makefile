# pg_foreman: the build that ships, a PGXS makefile like any other extension's.
#
#   make && make install && make installcheck        (PG_CONFIG=... picks a server)
#   make demo, make test                             (do all the set-up themselves)
#
# Objects go to build/obj, servers, logs and scratch files elsewhere under build/.

EXTENSION  = pg_foreman pg_foreman_cron
MODULE_big = pg_foreman
DATA       = $(wildcard sql/pg_foreman--*.sql sql/pg_foreman_cron--*.sql)
SOURCES    = $(sort $(wildcard src/*/*.cpp src/*/*/*.cpp))
# Only the tests' library has these: see build/debug/pg_foreman.so below.
TESTS_ONLY = src/board/debug_points.cpp src/api/testing/debug.cpp src/api/testing/board_storm.cpp
OBJS       = $(patsubst src/%.cpp,build/obj/%.o,$(filter-out $(TESTS_ONLY),$(SOURCES)))
REGRESS    = $(shell sed -e 's/\#.*//' test/regress/schedule 2>/dev/null)

EXTRA_CXXFLAGS ?=
EXTRA_LDFLAGS  ?=
WERROR         ?= -Werror
PG_CONFIG      ?= pg_config
PGXS           := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

# -isystem beats the -I of the same directory that PGXS adds: our warnings, not the server's.
# PGDLLEXPORT is empty before 16; with hidden visibility the magic block would not be found.
# The library is of the version that its control file makes the default one.
RELEASE    := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pg_foreman.control)
PG_CPPFLAGS = -Isrc -D'FOREMAN_VERSION="$(RELEASE)"' -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null) \
	-D'PGDLLEXPORT=__attribute__((visibility("default")))'
PG_CXXFLAGS = -std=c++20 -O2 -g -Wall -Wextra $(WERROR) -fvisibility=hidden \
	-fvisibility-inlines-hidden $(FLAGS_OF_CXX) $(EXTRA_CXXFLAGS)
# clang does not know the server's flags for gcc, and valgrind 3.19 does not read what clang writes for debuggers by
# default. g++ 16 guesses that any pmr resource may be the standard monotonic one, and warns about its guess.
FLAGS_OF_CXX = $(if $(findstring clang,$(CXX)),-Wno-unknown-warning-option -gdwarf-4,-fno-devirtualize-speculatively)
# PGXS links with the C compiler. The map hides what libstdc++ templates would export.
SHLIB_LINK  = -lstdc++ -Wl,--version-script=src/exports.map $(EXTRA_LDFLAGS)

# JIT inlines C functions only, and the bitcode rule does not see PG_CXXFLAGS.
override with_llvm := no

.DEFAULT_GOAL := all
EXTRA_CLEAN = build

ifneq ($(PGXS),)
include $(PGXS)
else
all install installcheck uninstall:
	@echo "pg_config or the server's headers are missing. 'make setup' installs them on Debian" >&2
	@echo "and Ubuntu; elsewhere install PostgreSQL's development files, or set PG_CONFIG." >&2
	@exit 1
clean:
	rm -rf pg_foreman.so $(EXTRA_CLEAN)
endif

# The script of the extension is its parts, one after another; a tag in them says which bundle of
# grant_role() an object belongs to. Both results are in the repository: lint sees that they are current.
SCRIPT       = sql/pg_foreman--$(RELEASE).sql
SCRIPT_PARTS = $(sort $(wildcard sql/parts/*.sql))
BUNDLES      = src/store/definitions/bundle_rights.inc
all: $(SCRIPT) $(BUNDLES)
$(SCRIPT): $(SCRIPT_PARTS)
	@cat $(SCRIPT_PARTS) > $@.new && mv $@.new $@
$(BUNDLES): sql/bundles.awk $(SCRIPT_PARTS)
	@awk -f sql/bundles.awk $(SCRIPT_PARTS) > $@.new && mv $@.new $@

COMPILE = $(CXX) $(CXXFLAGS) $(CPPFLAGS) -c

# Both stamps are rewritten only when their text changes: another server, compiler or flag
# rebuilds everything, a source file that came or went links again.
build/obj/flags: export FOREMAN_STAMP = $(VERSION) $(COMPILE)
build/obj/files: export FOREMAN_STAMP = $(OBJS) $(POINTS)
build/obj/flags build/obj/files: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$FOREMAN_STAMP" | cmp -s - $@ || printf '%s\n' "$$FOREMAN_STAMP" > $@

# What is missing is said before a compiler says it in its own way.
build/obj/found: build/obj/flags
	@echo 'static_assert(__cplusplus >= 202002L);' | $(CXX) -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || { \
		echo "A compiler of C++20 is missing: $(CXX) cannot compile it. 'make setup' installs g++ on Debian and" >&2; \
		echo "Ubuntu; elsewhere install g++ 12 or clang 14, or later ones, and set CXX where it has another name." >&2; \
		exit 1; }
	@echo '#include <boost/container/vector.hpp>' | $(CXX) $(CPPFLAGS) -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || { \
		echo "The headers of Boost.Container are missing. 'make setup' installs them on Debian and Ubuntu" >&2; \
		echo "(libboost-dev); elsewhere the package is boost-devel or boost." >&2; \
		exit 1; }
	@touch $@

# The headers that nearly every file includes, the server's most of all, are read once: that is half of the
# time of a build. core/ does without the server. Nothing may rely on it: lint compiles each file without.
PREFIX = build/obj/prefix.hpp
$(PREFIX).gch: src/pg/prefix.hpp build/obj/flags build/obj/found
	@mkdir -p $(@D)
	@printf '#include "pg/prefix.hpp"\n' > $(PREFIX)
	$(if $(V),,@echo "  CXX  $<" && )$(COMPILE) -x c++-header -MMD -MP -MF $(PREFIX).d -MT $@ -o $@ $(PREFIX)

USE_PREFIX = -include $(PREFIX)
build/obj/core/%.o: USE_PREFIX =

build/obj/%.o: src/%.cpp build/obj/flags $(PREFIX).gch
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX  $<" && )$(COMPILE) $(USE_PREFIX) -MMD -MP -o $@ $<

pg_foreman.so: build/obj/files src/exports.map

# The library that tests load which stop a process at a debug point. It shares all objects with the one that is
# installed but those of the files that have such points. Nothing installs it: see test/lib/debug_tree.
POINTS     = $(shell grep -l '^.include "board/debug_points.hpp"' $(SOURCES))
DEBUG_OBJS = $(filter-out $(POINTS:src/%.cpp=build/obj/%.o),$(OBJS)) $(POINTS:src/%.cpp=build/debug/obj/%.o)
build/debug/obj/%.o: src/%.cpp build/obj/flags $(PREFIX).gch
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX  $< (debug points)" && )$(COMPILE) -DFOREMAN_DEBUG_POINTS $(USE_PREFIX) -MMD -MP -o $@ $<
build/debug/pg_foreman.so: $(DEBUG_OBJS) build/obj/files src/exports.map
	$(LINK.shared) -o $@ $(DEBUG_OBJS) $(LDFLAGS) $(LDFLAGS_SL) $(SHLIB_LINK)

-include $(OBJS:.o=.d) $(POINTS:src/%.cpp=build/debug/obj/%.d) $(PREFIX).d
build/obj/store/definitions/grants.o build/obj/store/definitions/stray_rights.o: $(BUNDLES)

# The targets below need neither pg_config nor a compiler: they find or install both.
export PG_CONFIG

SUITES = $(shell sed -n 's/^\([a-z]*\) .*/\1/p' test/suites) asan versions
CHECKS = $(filter-out check-console,$(addprefix check-,$(SUITES)))

demo:
	@test/lib/prepare console
	@$(MAKE) -s -C console -j2
	@demo/run --console

console:
	@test/lib/setup console
	@$(MAKE) -s -C console -j2

screenshots:
	@test/lib/setup test
	@test/console/screenshots

bench:
	@test/lib/prepare
	@test/bench/run

instructions-baseline:
	@test/lib/prepare test
	@test/instructions/run --record
	@test/lib/server remove instructions

bench-large:
	@test/lib/prepare
	@BENCH_FORM=full test/bench/run

bench-peers:
	@test/lib/prepare
	@test/bench/peers/run

bench-page:
	@test/lib/prepare
	@test/bench/peers/run --document

reference:
	@test/lib/prepare
	@test/readme/reference

test:
	@test/run

campaign:
	@CAMPAIGN_SECONDS=$${CAMPAIGN_SECONDS:-60} FOREMAN_TAP="022_campaign 048_workflow_campaign 049_outside_campaign 051_publish_campaign 052_feed_campaign" test/run tap

torture:
	@test/lib/prepare test
	@test/torture/run

soak:
	@test/lib/prepare test
	@SOAK_MINUTES=$${SOAK_MINUTES:-60} FOREMAN_TAP=060_soak test/run tap

torture-page:
	@test/lib/prepare test
	@test/torture/run --document

check-workflow-sizes:
	@test/lib/prepare test
	@test/run workflow_sizes

$(CHECKS): check-%:
	@test/run $*

check-upgrade:
	@test/versions/upgrade

matrix:
	@test/versions/run --matrix

failover:
	@test/failover/run

assertions:
	@test/assertions/run

sanitizers:
	@test/assertions/run --sanitize

check-console:
	@CONSOLE_FORM=full FOREMAN_PATIENCE=3 test/run console
	@test/bench/run console

fuzz:
	@test/run fuzz

fuzz-sql:
	@test/lib/prepare test
	@FUZZ_CALLS=$${FUZZ_CALLS:-1000000} test/hostile/run; ended=$$?; test/lib/server remove hostile; exit $$ended

floods:
	@test/lib/prepare test
	@test/hostile/floods

setup:
	@test/lib/setup test

clean: stop
stop:
	@demo/console stop
	@test/lib/server remove-all

help:
	@sed -n 's/^#: //p' Makefile

.PHONY: check-upgrade matrix failover assertions sanitizers demo console screenshots bench bench-large bench-peers bench-page instructions-baseline reference test campaign torture torture-page soak check-workflow-sizes fuzz fuzz-sql floods $(CHECKS) setup stop help FORCE

#: The extension, as PGXS has it (PG_CONFIG=... picks the server):
#:   make                  build pg_foreman.so; V=1 shows the commands, WERROR= lets warnings pass
#:   make install          copy it to the server's directories; uninstall removes it
#:   make installcheck     pg_regress against the running server that PGHOST, PGPORT name
#:   make clean            stop and remove the private servers, and everything that was built
#:
#: These do all the set-up themselves, packages included (Debian and Ubuntu):
#:   make demo             real jobs on real input, on a private server under build/, and the console over them
#:   make console          build/console/foreman-console: the web page for operators (docs/console.md)
#:   make screenshots      the pictures of docs/console.md, from the demo's data
#:   make test             every suite below but asan and versions; ends with N passed, N failed
#:   make campaign         kills workers of every kind at random for 60 s (CAMPAIGN_SECONDS), with jobs, publishes, workflows decided inside and outside, and readers of their events, then counts
#:   make torture          faults of every kind, each with an oracle that counts: kill -9 a thousand times, crashes of the server, poison, failover and so on; about an hour (TORTURE_PARTS, TORTURE_KILLS; docs/reliability.md)
#:   make torture-page     the same, and writes its figures into docs/reliability.md
#:   make failover         twenty failovers of a Patroni cluster with etcd, by power and by network, under load (FAILOVERS; root)
#:   make soak             an hour of load (SOAK_MINUTES): memory of every process, sizes of tables and files, and the log must stand still
#:   make bench            every figure of the engine, part by part, with JSON, a table and plots in build/bench
#:   make bench-large      the same with more jobs (BENCH_FORM=full), and pruning of 10,000,000
#:   make bench-peers      beside other queues: PgQ, graphile-worker, pg-boss, pg_cron, a plain table (BENCH_FORM=full: longer)
#:   make bench-page       the same, and writes its tables and plots into docs/benchmarks.md
#:   make reference        write docs/reference/ from the comments in the script; make check-readme says when it is old
#:   make instructions-baseline  record how many instructions a job takes; make check-instructions compares
#:   make setup            only install the missing packages
#:
#: One suite at a time (set-up, build and install included); logs are in build/log/:
#:   make check-lint       house rules, clang-format, clang-tidy, exported symbols
#:   make check-unit       GoogleTest on src/core
#:   make check-asan       the same under the address and undefined-behaviour sanitizers
#:   make check-bridge     errors between PostgreSQL and C++
#:   make check-instructions  instructions of a job, counted by valgrind, against the recorded ones
#:   make check-regress    pg_regress on sql/ and expected/
#:   make check-pgtap      pgTAP on test/pgtap
#:   make check-isolation  isolation specs in test/isolation
#:   make check-tap        Perl TAP in test/tap: restarts, crashes, DROP DATABASE
#:   make check-cron       one script on pg_cron and on pg_foreman_cron, and import_pg_cron()
#:   make check-console    the console over HTTP, and its page in a real browser: all that make test leaves out, too, and its part of make bench
#:   make check-readme     the SQL of README.md and docs/, and what it prints
#:   make check-demo       the demo, without a terminal
#:   make check-workflow-sizes  100,000 workflows, a million events, an event of 100 MB; not part of make test
#:   make fuzz             10 million random schedules against the parser, under sanitizers (FUZZ_RUNS)
#:   make fuzz-sql         a million calls of every SQL function with hostile arguments, as roles of every kind (FUZZ_CALLS, FUZZ_SEED)
#:   make floods           what the others see when one role takes all kinds, queues, keys, waiters or executors (docs/security.md)
#:   make assertions       the suites on a PostgreSQL that is built with assertions from the distribution's sources
#:   make sanitizers       some of them again, with the library under the address and undefined-behaviour sanitizers
#:   make check-upgrade    pg_upgrade with work in flight, from this machine's PostgreSQL to 17 and 18 (root)
#:   make matrix           make test on 15, 17 and 18, each with g++ and with clang (FOREMAN_RELEASES, FOREMAN_COMPILERS; root)
#:   make check-versions   make test on 17 and 18 in root file systems of their own (root)
