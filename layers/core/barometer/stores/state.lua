-- Reads one partition at one instant, so that its books balance to the last record even while pollers commit.
--
-- KEYS  1 the partition's counters, 2… its streams
-- ARGV  one consumer group for each stream, or '' where only the length matters
-- Gives {now in ms, the counters as a flat list, {length, ms of the oldest record or -1, pending}, … one a stream}.

local time = redis.call('TIME')
local reply = { time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGETALL', KEYS[1]) }
for i = 2, #KEYS do
  local oldest, pending = -1, 0
  local first = redis.call('XRANGE', KEYS[i], '-', '+', 'COUNT', 1)[1]
  if first then
    oldest = tonumber(string.match(first[1], '^%d+'))
  end
  if ARGV[i - 1] ~= '' then
    local summary = redis.pcall('XPENDING', KEYS[i], ARGV[i - 1])
    if not summary.err then -- a group that no poller has made yet has nothing pending
      pending = summary[1]
    end
  end
  reply[#reply + 1] = { redis.call('XLEN', KEYS[i]), oldest, pending }
end
return reply
