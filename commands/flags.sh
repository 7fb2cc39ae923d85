# Prints the flags that deno runs a task with: `deno run $(sh commands/flags.sh NAME) main.ts NAME`. Of doctor it prints the
# command as well, with how much memory there is, which doctor may not read by itself.
#
# Tasks that work beside engines with real orders have the permission set `app`, which starts no programs. Where neither
# DATABASE_URL nor REDIS_URL is set, here or in .env, they have the set `tools`, with which they can start private
# engines; nothing else is in reach of them then.

case $1 in
  help)
    echo "-q --no-prompt --ignore-env --allow-read=."
    exit
    ;;
  demo)
    # Without .env, in which the shop's own engines may stand.
    echo "-q --no-prompt -P=tools --allow-net"
    exit
    ;;
  dev)
    echo "-q --no-prompt --env-file -P=tools --allow-net"
    exit
    ;;
  engines)
    echo "-q --no-prompt --env-file -P=tools"
    exit
    ;;
  gateway)
    echo "-q --no-prompt --env-file --ignore-env" \
      "--allow-env=LOG_LEVEL,GATEWAY_SECRETS,GATEWAY_TOKEN,GATEWAY_SECRETS_FILE,GATEWAY_TOKEN_FILE --allow-net" \
      "--allow-read=.,/etc/orders,/run/secrets,/run/credentials" --allow-write
    exit
    ;;
  token)
    echo "-q --no-prompt --ignore-env --allow-env=LOG_LEVEL --allow-read=."
    exit
    ;;
esac

is_set() {
  # What the environment says of a variable goes before what .env says, even where it says that it is empty.
  if eval "[ -n \"\${$1+x}\" ]"; then
    eval "[ -n \"\${$1}\" ]"
  else
    # A value of quotation marks with nothing between them is empty.
    in_file "$1" "(\"[^\"]|'[^']|[^[:space:]#\"'])"
  fi
}

in_file() {
  grep -Eqs "^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*$2" .env
}

is_zero() {
  if eval "[ -n \"\${$1+x}\" ]"; then
    eval "[ \"\${$1}\" = 0 ]"
  else
    in_file "$1" "[\"']?[[:space:]]*0[[:space:]]*[\"']?[[:space:]]*(#.*)?\$"
  fi
}

number_in_file() {
  sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*[\"']?([0-9]+).*/\2/p" .env 2>/dev/null | tail -n 1
}

# Megabytes that a process may plan with, and where they are from: MEMORY_MB, else the most that its container or unit may
# have, but no more than half of the machine's; `0 nothing` where nothing tells.
memory() {
  if is_set MEMORY_MB && ! is_zero MEMORY_MB; then
    given=${MEMORY_MB-$(number_in_file MEMORY_MB)}
    # What is no number is refused by whoever reads the settings.
    case $given in *[!0-9]*) given=0 ;; esac
    echo "$given setting"
    return
  fi
  from=machine
  least=$(awk '/^MemTotal:/ { print int($2 / 2048) }' /proc/meminfo 2>/dev/null)
  own=$(awk -F : '$1 == 0 { print $3 }' /proc/self/cgroup 2>/dev/null)
  older=$(awk -F : '$2 ~ /(^|,)memory(,|$)/ { print $3 }' /proc/self/cgroup 2>/dev/null)
  set -- "/sys/fs/cgroup${own%/}/memory.max" /sys/fs/cgroup/memory.max \
    "/sys/fs/cgroup/memory${older%/}/memory.limit_in_bytes" /sys/fs/cgroup/memory/memory.limit_in_bytes
  for file in "$@"; do
    bytes=
    { read -r bytes < "$file"; } 2>/dev/null
    case $bytes in '' | *[!0-9]*) continue ;; esac
    limit=$((bytes / 1048576))
    if [ -z "$least" ] || [ "$limit" -lt "$least" ]; then
      least=$limit
      from=limit
    fi
  done
  if [ -z "$least" ]; then from=nothing; fi
  echo "${least:-0} $from"
}

memory_mb() {
  found=$(memory)
  echo "${found% *}"
}

set=tools
case ${NODE_ENV-} in production) set=app ;; esac
for name in DATABASE_URL REDIS_URL DATABASE_URL_FILE REDIS_URL_FILE; do
  if is_set "$name"; then set=app; fi
done
if is_set REQUIRE_SETTINGS && ! is_zero REQUIRE_SETTINGS; then set=app; fi

flags="-q --no-prompt --env-file -P=$set"
if [ "$set" = tools ]; then flags="$flags --allow-net"; fi
case $1 in
  # Where there is little memory, garbage may be a seventh of what lives, where V8 lets several times as much stand. That takes a
  # third of what serving and consuming cost, so it is done only where it must be (docs/numbers.md). What it takes to
  # compile hot code is not given back either, so one function is compiled at a time.
  start | serve)
    mb=$(memory_mb)
    # Where the heap may have 1 GB, files are worked on in a thread of its own (commands/bulk_thread.ts).
    if [ "$mb" -ge 1024 ]; then
      heap=--max-old-space-size=1024,--max-semi-space-size=32,--heap-growing-percent=100
    elif [ "$mb" -ge 512 ]; then
      heap=--max-old-space-size=512,--max-semi-space-size=16,--heap-growing-percent=40
    else
      heap=--max-old-space-size=512,--max-semi-space-size=8,--heap-growing-percent=15
    fi
    flags="$flags --v8-flags=$heap,--concurrent-turbofan-max-threads=1"
    ;;
  consume)
    mb=$(memory_mb)
    # V8 lets a heap that may be small grow less, which took a sixth of a drain's rate; what it may grow by is said where it is small.
    if [ "$mb" -ge 1024 ]; then
      heap=--max-old-space-size=2048
    elif [ "$mb" -ge 512 ]; then
      heap=--max-old-space-size=512,--heap-growing-percent=300
    else
      # Some 32 MB live during a drain; left to itself V8 lets three times as much garbage stand beside them.
      heap=--max-old-space-size=512,--heap-growing-percent=100
    fi
    heap=$heap,--max-semi-space-size=8
    flags="$flags --v8-flags=$heap"
    ;;
  import)
    young=16
    if [ "$(memory_mb)" -ge 1024 ]; then young=32; fi
    flags="$flags --allow-read --allow-write"
    flags="$flags --v8-flags=--max-old-space-size=256,--max-semi-space-size=$young"
    ;;
  reconcile)
    flags="$flags --allow-read --allow-write"
    flags="$flags --v8-flags=--max-old-space-size=256,--max-semi-space-size=16"
    ;;
  stock) flags="$flags --allow-read --allow-write" ;;
  doctor)
    found=$(memory)
    flags="$flags main.ts doctor --memory=${found% *},${found#* }"
    ;;
esac
echo "$flags"
