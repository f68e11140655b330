-- Lengthens the lease of a running job, for the worker that holds it.
-- KEYS  1 record  2 jobs:running
-- ARGV  1 job id  2 lease token  3 length of the lease in ms, from now
-- Returns 1, or 0 when the lease is lost.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end

local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
return 1
