-- Reserve what one request can cost at most, or refuse it: all or nothing, whoever else reserves.
--
-- KEYS  [1] hash of the day: micro_usd, tokens, requests, tokens_in, tokens_out
-- ARGV  [1] most micro-dollars of the day  [2] most tokens of the day  [3] micro-dollars  [4] tokens  [5] seconds to live
-- gives "" when it was reserved, else what is spent: "usd" or "tokens"
local spent = redis.call('HMGET', KEYS[1], 'micro_usd', 'tokens')
if tonumber(spent[1] or 0) + tonumber(ARGV[3]) > tonumber(ARGV[1]) then return 'usd' end
if tonumber(spent[2] or 0) + tonumber(ARGV[4]) > tonumber(ARGV[2]) then return 'tokens' end
redis.call('HINCRBY', KEYS[1], 'micro_usd', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return ''
