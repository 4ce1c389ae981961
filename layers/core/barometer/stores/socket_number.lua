-- Numbers the next frames of sockets.
--
-- KEYS  1 connections and their API keys, 2 numbers of last frames
-- ARGV  connection and how many frames, for each
-- Gives the last number now given away, for each; -1 for a socket that is not known.

local lasts = {}
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    lasts[#lasts + 1] = redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
  else
    lasts[#lasts + 1] = -1
  end
end
return lasts
