-- Shares out one second's posts of each socket, and keeps account of those it is not sent.
--
-- KEYS  1 connections and their API keys, 2 posts sent in this second, 3 posts not sent and not yet told of
-- ARGV  1 the most a socket is sent a second, 2… connection and how many posts there are for it, for each
-- Gives two numbers a socket: how many it may be sent; how many were left out since it was last told (0 when it may be
-- sent none now: it is told with the next posts that it is sent).

local limit = tonumber(ARGV[1])
local reply = {}
for i = 2, #ARGV, 2 do
  local connection, posts = ARGV[i], tonumber(ARGV[i + 1])
  local allowed, omitted = 0, 0
  if redis.call('HEXISTS', KEYS[1], connection) == 1 then
    local sent = tonumber(redis.call('HGET', KEYS[2], connection) or 0)
    allowed = math.max(0, math.min(posts, limit - sent))
    local left_out = posts - allowed
    if allowed > 0 then
      redis.call('HINCRBY', KEYS[2], connection, allowed)
      omitted = left_out + tonumber(redis.call('HGET', KEYS[3], connection) or 0)
      redis.call('HDEL', KEYS[3], connection)
    elseif left_out > 0 then
      redis.call('HINCRBY', KEYS[3], connection, left_out)
    end
  end
  reply[#reply + 1] = allowed
  reply[#reply + 1] = omitted
end
redis.call('EXPIRE', KEYS[2], 5)
return reply
