-- Takes posts into one partition's share of a stream: all of them, or none.
--
-- KEYS  1 the stream, 2 the partition's counters, 3 the token of this call
-- ARGV  1 the stream's bound (0: do not look), 2 seconds to remember the token, 3… one body each
-- Gives 1 when the posts lie in the stream, 0 when it was at its bound and nothing was taken.

-- A call whose reply was lost is sent again by the client library: it must not take the same posts twice.
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 1
end

local bound = tonumber(ARGV[1])
if bound > 0 and redis.call('XLEN', KEYS[1]) >= bound then
  return 0
end

-- Counted first: this is the write that can be refused (no memory, no disk, not a number), and then nothing is written.
redis.call('HINCRBY', KEYS[2], 'accepted', #ARGV - 2)
redis.call('SET', KEYS[3], 1, 'EX', ARGV[2])
for i = 3, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'body', ARGV[i])
end
return 1
