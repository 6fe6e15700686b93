#!/usr/bin/env bash
# Completes command lines in real bash, zsh and fish with the scripts that the program prints, and lints its man pages.
#
#   packaging/shells.sh [PROGRAM]   without one, target/debug/matrix-keycloak-sync is built
#
# Installs missing shells, man and mandoc (apt).
#
# Text in single quotes is for those shells: shellcheck disable=SC2016

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0

say() { printf '%s\n' "$*" >&2; }

install_what_is_missing() {
    local packages=() program
    for program in zsh fish mandoc; do
        command -v "$program" >/dev/null || packages+=("$program")
    done
    command -v man >/dev/null || packages+=(man-db)
    [ "${#packages[@]}" -gt 0 ] || return 0
    say "    packages: ${packages[*]}"
    apt-get update -qq >"$work/apt.log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >>"$work/apt.log" 2>&1 ||
        { tail -n 5 "$work/apt.log" >&2 && exit 1; }
}

program="${1:-}"
if [ -z "$program" ]; then
    cargo build --quiet --locked
    program="$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug/matrix-keycloak-sync"
fi
install_what_is_missing
mkdir "$work/bin" "$work/zsh" "$work/here"
ln -s "$(realpath "$program")" "$work/bin/matrix-keycloak-sync"
export PATH="$work/bin:$PATH"
matrix-keycloak-sync completions bash >"$work/bash"
matrix-keycloak-sync completions zsh >"$work/zsh/_matrix-keycloak-sync"
matrix-keycloak-sync completions fish >"$work/fish"
touch "$work/here/plan.json"

# --- Completions ----------------------------------------------------------------------------------------------------

# As bash calls the function for the last word of a line; with nothing found, it completes files (`-o default`).
in_bash() {
    LINE="$1" bash --norc -c '. "$0"
        read -ra COMP_WORDS <<<"$LINE"
        case "$LINE" in *" ") COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE="$LINE" COMP_POINT=${#LINE}
        spec="$(complete -p matrix-keycloak-sync)" function="${spec#*-F }"
        "${function%% *}" matrix-keycloak-sync "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        [ "${#COMPREPLY[@]}" -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
        printf "%s\n" "${COMPREPLY[@]}"' "$work/bash"
}

# A second zsh on a terminal of its own, in which a key lists everything that is offered for the line.
in_zsh() {
    LINE="$1" FPATH_HERE="$work/zsh" zsh -f -c '
        zmodload zsh/zpty
        zpty inner zsh -f -i
        zpty -w inner "PS1= PROMPT= RPROMPT=; unsetopt zle_bracketed_paste 2>/dev/null; stty columns 500"
        zpty -w inner "fpath=(${(q)FPATH_HERE} \$fpath); autoload -U compinit; compinit -u -D"
        zpty -w inner "compadd() { case \" \$* \" in *\" -O \"*|*\" -A \"*|*\" -D \"*) builtin compadd \"\$@\"; return;; esac
            typeset -a found; builtin compadd -A found \"\$@\"; print -rl -- \${found/#/OFFERED:}; builtin compadd \"\$@\" }"
        zpty -w inner "offer() { zle complete-word; print END:; zle kill-whole-line; zle redisplay }"
        zpty -w inner "zle -N complete-word-now .complete-word; zle -C list-now list-choices _main_complete"
        zpty -w inner "show() { zle list-now; print -r -- END: }; zle -N show; bindkey \"^X\" show; print READY:\$((1 + 1))"
        while zpty -r inner line; do [[ $line == *READY:2* ]] && break; done
        zpty -n -w inner "$LINE"$'"'\\x18'"'
        while zpty -r inner line; do
            [[ $line == *OFFERED:* ]] && print -r -- ${${line#*OFFERED:}%$'"'\\r'"'*}
            [[ $line == *END:* ]] && break
        done
        zpty -d inner'
}

in_fish() { LINE="$1" fish --no-config -c 'source $argv[1]; complete --do-complete "$LINE"' "$work/fish" | cut -f1; }

# offers LINE WORD… [-- WORD…]: every shell offers the words before the dashes and none after them
offers() {
    local line="$1" shell word found wanted
    shift
    for shell in bash zsh fish; do
        found="$(cd "$work/here" && "in_$shell" "$line" 2>&1 || true)"
        wanted=true
        for word; do
            if [ "$word" = -- ]; then
                wanted=false
            elif grep -qxF -e "$word" <<<"$found"; then
                "$wanted" || { say "$shell offers $word for: $line"; failed=1; }
            elif "$wanted"; then
                say "$shell does not offer $word for: $line (but: $(tr '\n' ' ' <<<"$found"))"
                failed=1
            fi
        done
    done
}

offers "matrix-keycloak-sync " plan sync explain completions -- stand-in
offers "matrix-keycloak-sync pl" plan -- sync
offers "matrix-keycloak-sync plan --" --format --out --detailed-exitcode --config -- --approve --serve
offers "matrix-keycloak-sync plan --format " text json markdown -- plan.json
offers "matrix-keycloak-sync --log-format json sync --" --approve --dry-run --metrics-file -- --out
offers "matrix-keycloak-sync undo 12 --" --dry-run --approve -- --out
offers "matrix-keycloak-sync config " show check -- plan
offers "matrix-keycloak-sync completions " bash fish zsh -- plan
offers "matrix-keycloak-sync man " sync doctor -- stand-in
offers "matrix-keycloak-sync apply pl" plan.json -- plan
offers "matrix-keycloak-sync plan --out pl" plan.json -- plan

# --- Man pages ------------------------------------------------------------------------------------------------------

page() {
    matrix-keycloak-sync man ${1:+"$1"} >"$work/page.1"
    man --warnings=w -l "$work/page.1" >"$work/page.txt" 2>"$work/page.log" || true
    if [ -s "$work/page.log" ] || ! mandoc -T lint -W error "$work/page.1" >>"$work/page.log"; then
        say "the man page ${1:-of the program}: $(cat "$work/page.log")"
        failed=1
    fi
}

# sections NAME…: the page has all of them
sections() {
    local section
    for section; do
        grep -qx "$section" "$work/page.txt" || { say "no section $section in: $(head -n 1 "$work/page.txt")" && failed=1; }
    done
}

page
sections NAME SYNOPSIS DESCRIPTION COMMANDS "EXIT STATUS" ENVIRONMENT FILES EXAMPLES "SEE ALSO"
commands="$(sed -n '/^COMMANDS$/,/^OPTIONS$/ s/^       \([a-z][a-z-]*\)\( .*\)\?$/\1/p' "$work/page.txt")"
for command in $commands; do
    page "$command"
    sections NAME SYNOPSIS DESCRIPTION "EXIT STATUS" EXAMPLES "SEE ALSO"
done

[ "$failed" -eq 0 ] || exit 1
say "shells: bash, zsh and fish complete the same words; $(wc -w <<<"$commands") commands have a man page without a warning"
