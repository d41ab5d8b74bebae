-- A gate of the kind that a team writes for itself with Debian's
-- libnginx-mod-http-lua, and with care for its speed: what bench/compare holds
-- against the module.
--
-- The same work on a request: the signature's base (RFC 9421) and its
-- HMAC-SHA256, the digest of the body, age and nonce, rate, a closed list of
-- members, purpose, patterns, fields against what the agency may ask, and one
-- line of JSON with the members of a decision record.  What it lacks is said
-- where it would stand.
--
-- Debian has of OpenResty's libraries core and lrucache only: no resty.string,
-- resty.sha256, resty.hmac, resty.limit.req.  So hashes are called in libcrypto,
-- which nginx has loaded, through LuaJIT's FFI, and the rate is a leaky bucket
-- written here.  Lua's own patterns were measured against ngx.re, whose captures
-- cost more; the one of Chinese text is PCRE's, compiled by its JIT ("jou").

local cjson = require "cjson.safe"
local ffi = require "ffi"

local C = ffi.C
local concat = table.concat
local find = ngx.re.find
local new_table = require "table.new"
local smatch = string.match
local null = cjson.null

ffi.cdef [[
typedef struct { unsigned int h[8], nl, nh, data[16], num, md_len; } SHA256_CTX;
int SHA256_Init(SHA256_CTX *);
int SHA256_Update(SHA256_CTX *, const void *, size_t);
int SHA256_Final(unsigned char *, SHA256_CTX *);
int CRYPTO_memcmp(const void *, const void *, size_t);
typedef struct { double excess, last; } gate_bucket_t;
]]

local hash = ffi.new("unsigned char[32]")
local hasher = ffi.new("SHA256_CTX")
local hasher_size = ffi.sizeof(hasher)
local bucket = ffi.new("gate_bucket_t")
local bucket_size = ffi.sizeof(bucket)
local bucket_ptr = ffi.typeof("const gate_bucket_t *")

local nonces = ngx.shared.nonces
local rates = ngx.shared.rates

local required = { "@method", "@authority", "@path", "content-type",
                   "content-digest" }
local members = { request_no = true, purpose = true, case_no = true,
                  legal_basis = true, subjects = true, fields = true,
                  salt = true }

local input_form = '^([a-z][a-z0-9]*)=(%(([^)]*)%);created=(%d+);'
                   .. 'keyid="([^"]+)";nonce="([^"]+)")$'

-- HMAC's two states after the padded key, once for each key: OpenSSL's HMAC()
-- looks its algorithms up in each call.
local function prepared(secret)
    local pads = { [0x36] = true, [0x5c] = true }

    for pad in pairs(pads) do
        local block = ffi.new("unsigned char[64]")

        for i = 0, 63 do
            block[i] = bit.bxor(secret:byte(i + 1) or 0, pad)
        end
        pads[pad] = ffi.new("SHA256_CTX")
        C.SHA256_Init(pads[pad])
        C.SHA256_Update(pads[pad], block, 64)
    end
    return { inner = pads[0x36], outer = pads[0x5c] }
end


local M = {}
local policy


function M.load(name)
    local file = assert(io.open(name))

    policy = assert(cjson.decode(file:read("*a")))
    file:close()
    for keyid, credential in pairs(policy.credentials) do
        local key = prepared(ngx.decode_base64(credential.secret))

        key.agency = credential.agency
        policy.credentials[keyid] = key
    end
end


local function refuse(record, status, reason)
    record.decision, record.reason = "deny", reason
    ngx.var.gate_record = cjson.encode(record):sub(1, -2)
    return ngx.exit(status)
end


-- What a list of covered components asks for, parsed once for each list that was
-- met: signers repeat themselves.  The cache is emptied where somebody invents
-- lists.
local plans, plan_count = {}, 0

local function plan_of(covered)
    local plan, seen = { complete = true }, {}

    for name in covered:gmatch('"([^"]+)"') do
        if seen[name] then
            plan.complete = false
        end
        seen[name] = true
        plan[#plan + 1] = { name = name, head = '"' .. name .. '": ',
                            var = name:byte() ~= 64
                                  and "http_" .. name:gsub("-", "_") or nil }
    end
    for _, name in ipairs(required) do
        plan.complete = plan.complete and seen[name]
    end
    if plan_count > 100 then
        plans, plan_count = {}, 0
    end
    plans[covered], plan_count = plan, plan_count + 1
    return plan
end


local function path()
    local uri = ngx.var.request_uri
    local mark = uri:find("?", 1, true)

    return mark and uri:sub(1, mark - 1) or uri
end


-- What the signature covers, a line each.
local function signature_base(covered, params)
    local plan = plans[covered] or plan_of(covered)
    local lines = new_table(#plan + 1, 0)

    if not plan.complete then
        return nil
    end
    for i = 1, #plan do
        local part = plan[i]
        local name, value = part.name, nil

        if part.var then
            value = ngx.var[part.var]
        elseif name == "@method" then
            value = ngx.req.get_method()
        elseif name == "@authority" then
            value = ngx.var.http_host:lower()
        elseif name == "@path" then
            value = path()
        elseif name == "@query" then
            value = "?" .. (ngx.var.args or "")
        end
        if not value then
            return nil
        end
        lines[i] = part.head .. value
    end
    lines[#plan + 1] = '"@signature-params": ' .. params
    return concat(lines, "\n")
end


local function verified(credential, base, signature)
    local given = ngx.decode_base64(signature)

    ffi.copy(hasher, credential.inner, hasher_size)
    C.SHA256_Update(hasher, base, #base)
    C.SHA256_Final(hash, hasher)
    ffi.copy(hasher, credential.outer, hasher_size)
    C.SHA256_Update(hasher, hash, 32)
    C.SHA256_Final(hash, hasher)
    return given and #given == 32 and C.CRYPTO_memcmp(hash, given, 32) == 0
end


local function digest_holds(body, header)
    local value = smatch(header or "", "^sha%-256=:([^:]+):$")
    local given = value and ngx.decode_base64(value)

    C.SHA256_Init(hasher)
    C.SHA256_Update(hasher, body, #body)
    C.SHA256_Final(hash, hasher)
    return given and #given == 32 and C.CRYPTO_memcmp(hash, given, 32) == 0
end


-- As limit_req counts, nodelay.
local function in_rate(id, agency)
    local now = ngx.now()
    local v = rates:get(id)
    local excess = 0

    if v then
        local b = ffi.cast(bucket_ptr, v)

        excess = math.max(b.excess - agency.rate * math.abs(now - b.last) + 1,
                          0)
        if excess > agency.burst then
            return false
        end
    end
    bucket.excess, bucket.last = excess, now
    rates:set(id, ffi.string(bucket, bucket_size))
    return true
end


local function request_faults(body)
    for name in pairs(body) do
        if not members[name] then
            return "request-invalid"
        end
    end
    if type(body.request_no) ~= "string"
       or not find(body.request_no, policy.request_no, "jou")
       or type(body.case_no) ~= "string" or #body.case_no > 256
    then
        return "request-invalid"
    end
    if not policy.purposes[body.purpose] then
        return "purpose-not-allowed"
    end
    if type(body.subjects) ~= "table" or #body.subjects == 0 then
        return "subject-required"
    end
    for _, subject in ipairs(body.subjects) do
        -- the check digit is not computed
        if subject.type ~= "merchant"
           or type(subject.id) ~= "string" or #subject.id ~= 18
           or smatch(subject.id, "^[0-9A-Z]+$") == nil
        then
            return "request-invalid"
        end
    end
end


local function fields_refused(fields, agency)
    local refused

    for _, field in ipairs(fields) do
        if not agency.fields[field] then
            refused = refused or {}
            refused[#refused + 1] = { field = field,
                                      reason = "field-not-granted" }
        end
    end
    return refused
end


function M.check()
    local var = ngx.var
    local input, signature = var.http_signature_input, var.http_signature
    local record = {
        time = ngx.utctime(), node = "bench", event = "decision",
        id = var.request_id, client = var.remote_addr, tls = null,
        method = ngx.req.get_method(), host = var.http_host,
        uri = var.request_uri, operation = "submit", policy = policy.id,
        mode = "enforce", signature_input = input, signature = signature,
        content_digest = var.http_content_digest,
    }

    local label, params, covered, created, keyid, nonce
        = smatch(input or "", input_form)
    local name, mac64 = smatch(signature or "", "^([a-z][a-z0-9]*)=:([^:]+):$")
    if not label or label ~= name then
        return refuse(record, 401, "credential-missing")
    end
    local credential = policy.credentials[keyid]
    if not credential then
        return refuse(record, 401, "credential-unknown")
    end
    local age = ngx.time() - tonumber(created)
    if age > 300 or age < -30 then
        return refuse(record, 401, "signature-stale")
    end
    local base = signature_base(covered, params)
    if not base then
        return refuse(record, 401, "signature-incomplete")
    end
    if not verified(credential, base, mac64) then
        return refuse(record, 401, "signature-invalid")
    end
    local agency = policy.agencies[credential.agency]
    record.agency, record.level = credential.agency, agency.level
    record.credential = "httpsig:" .. keyid
    record.covered = { ["content-type"] = var.http_content_type }

    if var.http_content_type ~= "application/json" then
        return refuse(record, 415, "media-type-unsupported")
    end
    ngx.req.read_body()
    local text = ngx.req.get_body_data()        -- it fits the buffer
    if not text then
        return refuse(record, 400, "body-missing")
    end
    if not digest_holds(text, record.content_digest) then
        return refuse(record, 401, "digest-mismatch")
    end
    if not in_rate(credential.agency, agency) then
        return refuse(record, 429, "rate-exceeded")
    end
    -- add() drops the oldest where the zone is full; safe_add() refuses
    local added, why = nonces:safe_add(keyid .. " " .. nonce, true, 331)
    if not added then
        return refuse(record, why == "exists" and 401 or 503,
                      why == "exists" and "signature-replayed"
                      or "replay-store-full")
    end

    -- names twice, or equal but for case, are not seen by cjson
    local body = cjson.decode(text)
    if type(body) ~= "table" then
        return refuse(record, 400, "body-invalid")
    end
    local fault = request_faults(body)
    if fault then
        return refuse(record, 403, fault)
    end
    if type(body.fields) ~= "table" or #body.fields == 0
       or #body.fields > 64
    then
        return refuse(record, 400, "field-list-missing")
    end
    record.request_no, record.purpose = body.request_no, body.purpose
    record.case_no, record.legal_basis = body.case_no, body.legal_basis
    record.fields = body.fields
    local subjects = {}
    for i, subject in ipairs(body.subjects) do
        subjects[i] = { type = subject.type }
    end
    record.subjects = subjects
    record.refused = fields_refused(body.fields, agency)
    if record.refused then
        return refuse(record, 403, "field-not-granted")
    end

    record.decision = "allow"
    var.gate_record = cjson.encode(record):sub(1, -2)
    var.gate_agency, var.gate_level = credential.agency, agency.level
    var.gate_request_no = ngx.escape_uri(body.request_no)
    var.gate_fields = concat(body.fields, ",")
end


return M
