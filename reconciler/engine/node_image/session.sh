# The conversation with the reconciler (engine/dataplane/session.py is the other side). Part of node.sh, which sources it.
#
#   put PATH SIZE [gz] then SIZE bytes, packed or not: a file for /net, not in force yet
#   drop PATH          a file of /net that is to go
#   steer              put in force what needs no disk: links, rules, the HAProxy commands in the file `commands`
#   commit HOW         put in force what wasn't, and keep it; HOW is reload or run
#   state              by which rendering, what was last published, and what is wrong: a line, a line, lines
#   sessions IP        how many connections the proxy has to this pod
#   counters           what the proxy has counted of each server that it has asked something: a line each
#   complaints         what is wrong: lines
# Answers: `ok [SIZE]` and then SIZE bytes, or `error WORDS`.

session() {
  local next=$RUN/next.$$ word one two form
  for one in $RUN/next.*; do
    [ -d "/proc/${one##*.}" ] || rm -rf "$one"  # of a session that was cut off
  done
  mkdir -p "$next"
  trap "rm -rf '$next'" EXIT  # when it runs, `next` isn't there any more
  : > "$next/.drop"
  : > "$next/.files"
  while read -r word one two form; do
    case "$word" in
      put) umask 077
           case "$one" in */*) mkdir -p "$next/${one%/*}";; esac
           : > "$next/$one"
           case "$one" in state.json|rendering|commands|forget) ;; *) echo "$one" >> "$next/.files";; esac
           [ "$two" -gt 0 ] && dd of="$next/$one" bs="$two" count=1 iflag=fullblock 2>/dev/null
           [ "$(stat -c %s "$next/$one")" = "$two" ] || exit 1
           [ -z "$form" ] || { mv "$next/$one" "$next/.packed" && gzip -dc "$next/.packed" > "$next/$one"; } || exit 1;;
      drop) echo "$one" >> "$next/.drop";;
      steer) umask 022
             if said=$(locked_steer "$next" 2>&1); then echo ok; else echo "error $(echo "$said" | tr '\n' ' ' | cut -c1-500)"; fi;;
      commit) umask 022
              if said=$(commit "$next" "$one" 2>&1); then echo ok; else echo "error $(echo "$said" | tr '\n' ' ' | cut -c1-500)"; fi
              rm -rf "$next"; mkdir -p "$next"; : > "$next/.drop"; : > "$next/.files";;
      state) { cat $NET/rendering 2>/dev/null; echo; cat $NET/state.json 2>/dev/null; echo; cat $RUN/complaints/* 2>/dev/null; } > "$next/.answer"
             answer "$next/.answer";;
      sessions) echo "show servers conn" | socat -t 2 - UNIX-CONNECT:$SOCKET 2>/dev/null |
                  awk -v ip="$one" '$3 == ip { n += $7 } END { print n + 0 }' > "$next/.answer"
                answer "$next/.answer";;
      counters) echo "show stat -1 4 -1" | socat -t 10 - UNIX-CONNECT:$SOCKET 2>/dev/null | counted > "$next/.answer"
                answer "$next/.answer";;
      complaints) cat $RUN/complaints/* > "$next/.answer" 2>/dev/null
                  answer "$next/.answer";;
      *) echo "error unknown command $word";;
    esac
  done
}

answer() { echo "ok $(stat -c %s "$1")"; cat "$1"; }

# Servers' rows of HAProxy's statistics: the columns that engine/dataplane/counting.py reads.
counted() {
  awk -F, -v OFS=, '
    NR == 1 { sub(/^# /, ""); for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["stot"] + $at["req_tot"] + $at["econ"] + $at["eresp"] > 0 {
      print $1, $2, $at["mode"], $at["req_tot"], $at["hrsp_5xx"], $at["econ"], $at["eresp"], $at["stot"], $at["wredis"], $at["ctime"], $at["rtime"]
    }'
}

locked_steer() { ( flock 9; steer "$1" || { [ $? = 2 ] && cat $RUN/refused; exit 1; } ) 9> $LOCK; }

# A full disk keeps no pod among those that get requests: /run is memory. What a steered node does counts until it
# is kept in /net. Fails with 2 where only HAProxy refused.
steer() {
  local next=$1 files=$1/.files file
  rm -f $NET/rendering  # nobody may take half of it for all
  mkdir -p $RUN/steered
  for file in network nat.rules; do
    [ ! -f "$next/$file" ] || cp "$next/$file" $RUN/steered/$file || return 1
  done
  if came network; then links || { echo "the link between the nodes can't be set up"; return 1; }; fi
  # A pod that has come may ask itself only by these rules.
  if came nat.rules; then hairpins; rules || { echo "the rules for services can't be set"; return 1; }; fi
  [ -f "$next/forget" ] && while read -r file; do conntrack $file >/dev/null 2>&1; done < "$next/forget"
  run_commands "$next/commands" || return 2
  : > "$next/.steered"
}

commit() {
  ( flock 9
    local next=$1 how=$2 file files
    files=$next/.files
    # Until all of it is in force nobody may take it for that: whoever asks then tells everything again.
    rm -f $NET/rendering
    while read -r file; do
      case "$file" in */*) [ -d "$NET/${file%/*}" ] || mkdir -p "$NET/${file%/*}";; esac
      cp -p "$next/$file" "$NET/$file.new" && mv "$NET/$file.new" "$NET/$file" || exit 1
    done < "$files"
    if came hosts || came dnsmasq.conf; then chmod 644 $NET/hosts $NET/run/external-hosts $NET/dnsmasq.conf 2>/dev/null; fi
    while read -r file; do rm -f "$NET/$file"; done < "$next/.drop"
    if [ ! -f "$next/.steered" ]; then
      steer "$next" || [ $? = 2 ] || exit 1
      [ -f "$next/.steered" ] || [ "$how" = reload ] || say "a command of HAProxy failed: $(head -n 1 $RUN/refused); it is reloaded"
      [ -f "$next/.steered" ] || how=reload
    fi
    rm -rf $RUN/steered
    if came dnsmasq.conf; then names again; elif came hosts; then reread; fi
    [ "$how" = reload ] && { balance again || exit 1; }
    for file in state.json rendering; do
      [ -f "$next/$file" ] && { cp "$next/$file" "$NET/$file.new" && mv "$NET/$file.new" "$NET/$file" || exit 1; }
    done
    if came externals; then externals; fi
    exit 0
  ) 9> $LOCK
}

came() {
  local file
  while read -r file; do [ "$file" = "$1" ] && return 0; done < "$files"
  return 1
}

# Anything that HAProxy says beyond its few words of success is a refusal. A server whose sessions are being shut
# down can be deleted a moment later; one that stays stands in maintenance and does no harm.
run_commands() {
  [ -s "$1" ] || return 0
  alive "$(pid_of haproxy)" || { echo "HAProxy isn't running" > $RUN/refused; return 1; }
  local tries=0
  batches "$1"
  tell $RUN/batches || return 1
  while [ -s $RUN/deletions ] && [ $tries -lt 5 ] && ! tell $RUN/deletions; do
    grep -v -E 'still has|No such server' $RUN/refused > /dev/null && return 1
    tries=$((tries + 1))
    sleep 0.05
  done
  return 0
}

tell() {
  : > $RUN/said
  while read -r line; do
    echo "$line" | socat -t 10 - UNIX-CONNECT:$SOCKET >> $RUN/said 2>&1 || { cp $RUN/said $RUN/refused; return 1; }
  done < "$1"
  ! grep -vE '^$|^New server registered|^Server deleted' $RUN/said > $RUN/refused
}

# Several commands on a line, as many as HAProxy's buffer surely takes; deletions by themselves.
batches() {
  : > $RUN/batches
  : > $RUN/deletions
  awk -v others=$RUN/batches -v deletions=$RUN/deletions '
    { to = /^del / ? deletions : others }
    length(l[to]) + length($0) > 8000 { print l[to] > to; l[to] = "" }
    { l[to] = l[to] (l[to] == "" ? "" : "; ") $0 }
    END { for (to in l) if (l[to] != "") print l[to] > to }' "$1"
}
