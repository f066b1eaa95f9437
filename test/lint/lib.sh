# Sourced by the rules. They run in the repository's root, print FILE:LINE: what is wrong, and
# nothing when all is well; one that cannot judge here prints `skip: why`.
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C

# Every C++ file below the given directories that exist.
cpp_files() {
    local dir
    for dir in "$@"; do
        if [ -d "$dir" ]; then
            find "$dir" -name '*.cpp' -o -name '*.hpp'
        fi
    done | sort
}

# Every file of the project: what git would commit, or in an unpacked archive what is not built.
all_files() {
    {
        git ls-files -co --exclude-standard 2>/dev/null ||
            find . -type f -not -path './build/*' -not -path './.git/*' -not -path './results/*' \
                -not -name '*.so' -not -name 'regression.*' | sed 's,^\./,,'
    } | while read -r file; do
        if [ -f "$file" ]; then
            printf '%s\n' "$file"
        fi
    done | sort
}

code() { lex code "$@"; }
strings() { lex strings "$@"; }
lex() {
    local mode=$1
    shift
    [ $# -eq 0 ] || test/lint/lex "$mode" "$@"
}

# Keeps lines FILE:LINE:text whose text matches the (Perl) pattern, and says what is wrong with them.
complain_if() {
    perl -ne 'BEGIN { ($pattern, $message) = splice @ARGV, 0, 2 }
              my ($where, $text) = /^([^:]+:\d+:)\s*(.*)$/ or next;
              print "$where $message: $text\n" if $text =~ /$pattern/' "$1" "$2"
}

# The same, for lines that do not match.
complain_unless() { complain_if "^(?!.*(?:$1))" "$2"; }
