-- Appends an event of a running job, for the worker that holds its lease.
-- KEYS  1 record  2 events
-- ARGV  1 lease token  2 event type: progress or preview  3 event data
-- Returns 1, or 0 when the lease is lost.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end

local event = redis.call('XADD', KEYS[2], '*', 'type', ARGV[2], 'data', ARGV[3])
if ARGV[2] == 'progress' then
  redis.call('HSET', KEYS[1], 'progress', ARGV[3])
else
  -- Previews are large, and one is worth nothing once there is a newer one.
  local last = redis.call('HGET', KEYS[1], 'preview')
  if last then redis.call('XDEL', KEYS[2], last) end
  redis.call('HSET', KEYS[1], 'preview', event)
end
redis.call('PUBLISH', KEYS[2], '')
return 1
