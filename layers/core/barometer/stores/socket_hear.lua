-- A socket said something: note when, and what it wants if it said so. Nothing is written of a socket that is not known.
--
-- KEYS  1 connections and their API keys, 2 numbers of last frames, 3 when each was heard, 4 subscriptions
-- ARGV  1 the connection, 2 the time, 3 its subscription or ''
-- Gives the number of its last frame, or nil for a socket that is not known.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return nil
end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
end
return tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
