-- Keeps records with the consumer that holds them, and writes down how many attempts each has had.
--
-- KEYS  1 the source stream, 2 the partition's counters
-- ARGV  1 pipe, 2 consumer, 3 milliseconds for which the records count as idle (0: held; many: free to be taken),
--       4 counter to add the number of records to, or '', then for each record: id, deliveries (attempts and one)
-- Gives the ids that are no longer this consumer's; those are left alone.
--
-- XCLAIM asks nobody: a poller that was frozen past its lease would take its records back from whoever has them now. So
-- ownership is checked in the same step. JUSTID leaves the delivery count to RETRYCOUNT: an attempt that failed is
-- remembered past a crash of the poller, and a crash of the poller is no attempt. The count never falls: a renewal that
-- set out before an attempt was written down may arrive after it.

local lost = {}
for i = 5, #ARGV, 2 do
  local id = ARGV[i]
  local kept = {}
  local mine = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if mine then
    local deliveries = math.max(mine[4], tonumber(ARGV[i + 1]))
    kept = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', ARGV[3], 'RETRYCOUNT', deliveries, 'JUSTID')
  end
  if #kept == 0 then -- somebody else's, or deleted from the stream by a trim
    lost[#lost + 1] = id
  end
end

local held = (#ARGV - 4) / 2 - #lost
if ARGV[4] ~= '' and held > 0 then
  redis.call('HINCRBY', KEYS[2], ARGV[4], held)
end
return lost
