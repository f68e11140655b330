-- Writes the record of a new job, puts it into its queue and opens its event stream.
-- KEYS  1 record  2 events  3 jobs:queued:{queue}  4 jobs:deadlines  5 jobs:ended  6 jobs:queues
--       7 jobs:owned:{owner}  8 jobs:active:{owner}  9 idempotency key, or '' for none
-- ARGV  1 a JSON object:
--   id           of the job
--   max_queued   longest queue
--   max_active   most jobs that its owner may have queued or running, or null
--   band         start of its priority's band
--   deadline     in ms, or null
--   fingerprint  of the request, to be kept under the idempotency key for keep_ms
--       2... field, value, ...
-- Returns {'replayed', job id, fingerprint}, {'exists'}, {'full'}, {'busy'} or {'created', field, value, ...}.
local plan = cjson.decode(ARGV[1])
if KEYS[9] ~= '' then
  local job, fingerprint = unpack(redis.call('HMGET', KEYS[9], 'job', 'fingerprint'))
  if job then return {'replayed', job, fingerprint} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists'} end
if redis.call('ZCARD', KEYS[3]) >= plan.max_queued then return {'full'} end
if plan.max_active ~= cjson.null and redis.call('SCARD', KEYS[8]) >= plan.max_active then return {'busy'} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'status', 'queued', 'attempts', 0, 'created_at', now, 'queued_at', now, unpack(ARGV, 2))
local stage, queue = unpack(redis.call('HMGET', KEYS[1], 'stage', 'queue'))
redis.call('XADD', KEYS[2], '*', 'type', 'status', 'data', '{"status":"queued","stage":"' .. stage .. '"}')
redis.call('SADD', KEYS[6], queue)
redis.call('ZADD', KEYS[3], plan.band + now, plan.id)
redis.call('ZREM', KEYS[5], plan.id)
redis.call('ZADD', KEYS[7], 0, plan.id)
redis.call('SADD', KEYS[8], plan.id)
if plan.deadline ~= cjson.null then redis.call('ZADD', KEYS[4], plan.deadline, plan.id) end
if KEYS[9] ~= '' then
  redis.call('HSET', KEYS[9], 'job', plan.id, 'fingerprint', plan.fingerprint)
  redis.call('PEXPIRE', KEYS[9], plan.keep_ms)
end
return {'created', unpack(redis.call('HGETALL', KEYS[1]))}
