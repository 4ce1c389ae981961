-- Takes over records whose holder has let its lease run out: it is dead, frozen or cut off.
--
-- KEYS  1 the source stream
-- ARGV  1 pipe, 2 consumer, 3 the lease in milliseconds, 4 most records, 5 id to go on from
-- Gives {id to go on from ('0-0': the end), {id, deliveries so far, fields as a flat list}, … one a record}.

local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[5], 'COUNT', ARGV[4], 'JUSTID')
local reply = { claimed[1] }
for _, id in ipairs(claimed[2]) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  reply[#reply + 1] = { id, pending[4], entry[2] }
end
return reply
