-- Takes messages that are due; each is due again when its lease ends, unless it is settled before.
-- KEYS  1 webhooks:due
-- ARGV  1 how many at most  2 length of a lease in ms
-- Returns {end of the leases in ms, message, ...}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = now + ARGV[2]
local messages = redis.call('ZRANGE', KEYS[1], 0, now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, message in ipairs(messages) do redis.call('ZADD', KEYS[1], lease, message) end
return {tostring(lease), unpack(messages)}
