-- Logs an attempt to deliver a message on its job, and drops the message or makes it due later.
-- KEYS  1 webhooks:due  2 record of its job
-- ARGV  1 message  2 end of its lease in ms  3 when it is due next in ms from now, or '' for never
--       4 the attempt as JSON, or '' for none  5 how many attempts a job keeps
-- Returns 1, or 0 when the lease is lost: the message has become due again, and is another's.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end

if ARGV[3] == '' or redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
end
if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
  local attempts = cjson.decode(redis.call('HGET', KEYS[2], 'deliveries') or '[]')
  table.insert(attempts, cjson.decode(ARGV[4]))
  while #attempts > tonumber(ARGV[5]) do table.remove(attempts, 1) end
  redis.call('HSET', KEYS[2], 'deliveries', cjson.encode(attempts))
end
return 1
