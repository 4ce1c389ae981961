-- Ends records of one partition: all that a verdict says, in one step, or nothing at all.
--
-- KEYS  1 the source stream, 2 the partition's counters, 3 the token of this call, 4… streams to write to and sets of
--       seen keys, by index
-- ARGV  pipe (its consumer group has the same name), consumer, '1' if its records are posts (or '0'), most members of a
--       seen set, its seconds to live, seconds to remember the token,
--       n, then n ids that end here
--       n, then n times: counter, what to add
--       n, then n times an output: index of its stream in KEYS, length to trim that to (0: never), index of this period's
--          seen set (0: no key; the set of the period before is the next in KEYS), key, body
--       n, then n times a dead letter: index of its stream in KEYS, length to trim that to, number of arguments, and so
--          many: field, value, field, value, …
-- Gives {ids that are no longer this consumer's, number of outputs that were seen before}; if there is one such id,
-- nothing was written. A call that comes again while its token is remembered writes nothing and is given the same.

local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local function number()
  return tonumber(take())
end

local source, counters = KEYS[1], KEYS[2]
local pipe, consumer, posts = take(), take(), take() == '1'
local most_seen, seen_seconds, token_seconds = number(), number(), number()

-- 0. A call whose reply was lost is sent again. Its records are gone by then, as if another poller had taken them over;
--    so what the first call did is remembered.
local done = redis.call('GET', KEYS[3])
if done then
  return { {}, tonumber(done) }
end

-- 1. Ownership. A poller that was frozen past its lease wakes and commits what another has taken over: it must find
--    out before the first write, since what a script has written stays even if it fails later on.
local ids, lost = {}, {}
for i = 1, number() do
  ids[i] = take()
  if #redis.call('XPENDING', source, pipe, ids[i], ids[i], 1, consumer) == 0 then
    lost[#lost + 1] = ids[i]
  end
end
if #lost > 0 then
  return { lost, 0 }
end

-- 2. Counters. First of the writes because it is the one that can be refused: for want of memory or disk (Redis looks
--    at that on a script's first write only), or because somebody put a word where a number belongs.
for _ = 1, number() do
  redis.call('HINCRBY', counters, take(), take())
end

-- 3. Outputs and dead letters, before the inputs go: if the script broke off here, records would be repeated, which
--    every step can bear, and none lost, which none can. A key seen before is looked up and noted in this same step:
--    noted earlier, a crash in between would lose the post; noted later, two copies could pass.
local function add(stream, trim, ...)
  if trim > 0 then
    redis.call('XADD', stream, 'MAXLEN', '~', trim, '*', ...)
  else
    redis.call('XADD', stream, '*', ...)
  end
end

local duplicates, noted = 0, {}
for _ = 1, number() do
  local stream, trim, now, key, body = KEYS[number()], number(), number(), take(), take()
  local fresh = true
  if now > 0 then
    local current, before = KEYS[now], KEYS[now + 1]
    if redis.call('SISMEMBER', before, key) == 1 then
      fresh = false
    elseif redis.call('SCARD', current) < most_seen then
      fresh = redis.call('SADD', current, key) == 1
      noted[current] = true
    else -- a full set notes no more: what slips through is found out by the database
      fresh = redis.call('SISMEMBER', current, key) == 0
    end
  end
  if fresh then
    add(stream, trim, 'body', body)
  else
    duplicates = duplicates + 1
  end
end
for set in pairs(noted) do
  redis.call('EXPIRE', set, seen_seconds)
end

for _ = 1, number() do
  local stream, trim, count = KEYS[number()], number(), number()
  add(stream, trim, unpack(ARGV, at + 1, at + count))
  at = at + count
end

redis.call('SET', KEYS[3], duplicates, 'EX', token_seconds)

-- 4. What only this script can know: an output that was not written was counted as written in step 2.
if duplicates > 0 then
  redis.call('HINCRBY', counters, pipe .. '.duplicates', duplicates)
  redis.call('HINCRBY', counters, pipe .. '.out', -duplicates)
  if posts then
    redis.call('HINCRBY', counters, 'duplicates', duplicates)
  end
end

-- 5. The inputs go, acknowledged and deleted: streams hold only what is unfinished. In slices, as Lua's stack is small.
for first = 1, #ids, 1000 do
  local last = math.min(first + 999, #ids)
  redis.call('XACK', source, pipe, unpack(ids, first, last))
  redis.call('XDEL', source, unpack(ids, first, last))
end

return { lost, duplicates }
