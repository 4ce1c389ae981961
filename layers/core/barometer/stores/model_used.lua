-- Adds to what scored how many posts in this hour, and notes since when the model in use is in use.
--
-- KEYS  1 the hour's counts, 2 what is in use
-- ARGV  1 now in ms, 2 seconds to keep the counts, 3 most fields of them, 4 the model in use ('': nothing to tell),
--       5 why nothing better is, 6… a field and a number, again and again

for i = 6, #ARGV, 2 do
  local field = ARGV[i]
  -- Reasons are few, but some come from outside: what is one too many is counted without its own.
  if redis.call('HEXISTS', KEYS[1], field) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    field = '["other","more reasons than are kept"]'
  end
  redis.call('HINCRBY', KEYS[1], field, ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])

if ARGV[4] ~= '' then
  local was = redis.call('HMGET', KEYS[2], 'model', 'because')
  if was[1] ~= ARGV[4] or was[2] ~= ARGV[5] then
    redis.call('HSET', KEYS[2], 'model', ARGV[4], 'because', ARGV[5], 'since_ms', ARGV[1])
  end
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return 1
