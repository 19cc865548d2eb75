-- SHA-256 (FIPS 180-4), HMAC (RFC 2104), and Expand-Label of Section 6.2. Strings in, strings out.

local bit = bit
local band, bnot, bxor, ror, rshift, tobit = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.tobit

-- The first 32 bits of the fractional parts of the roots of the first primes.
local initial, constants = {}, {}
do
    local number = 2
    while #constants < 64 do
        local prime = true
        for divisor = 2, math.floor(math.sqrt(number)) do
            prime = prime and number % divisor ~= 0
        end
        if prime then
            constants[#constants + 1] = tobit(math.floor(number ^ (1 / 3) % 1 * 2 ^ 32))
            if #initial < 8 then
                initial[#initial + 1] = tobit(math.floor(math.sqrt(number) % 1 * 2 ^ 32))
            end
        end
        number = number + 1
    end
end

local function word(number)
    number = number % 2 ^ 32
    return string.char(math.floor(number / 2 ^ 24), math.floor(number / 2 ^ 16) % 256, math.floor(number / 2 ^ 8) % 256, number % 256)
end

local function hash(text)
    local length = #text
    text = text .. "\128" .. ("\0"):rep((55 - length) % 64) .. word(math.floor(length / 2 ^ 29)) .. word(length * 8)
    local state = { table.unpack(initial) }
    local w = {}
    for at = 1, #text, 64 do
        for i = 1, 16 do
            local p, q, r, s = text:byte(at + 4 * i - 4, at + 4 * i - 1)
            w[i] = tobit(p * 2 ^ 24 + q * 2 ^ 16 + r * 2 ^ 8 + s)
        end
        for i = 17, 64 do
            local early, late = w[i - 15], w[i - 2]
            w[i] = tobit(w[i - 16] + bxor(ror(early, 7), ror(early, 18), rshift(early, 3)) + w[i - 7] + bxor(ror(late, 17), ror(late, 19), rshift(late, 10)))
        end
        local a, b, c, d, e, f, g, h = table.unpack(state)
        for i = 1, 64 do
            local one = h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g)) + constants[i] + w[i]
            local two = bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c), band(b, c))
            a, b, c, d, e, f, g, h = tobit(one + two), a, b, c, tobit(d + one), e, f, g
        end
        for i, value in ipairs { a, b, c, d, e, f, g, h } do
            state[i] = tobit(state[i] + value)
        end
    end
    for i = 1, 8 do
        state[i] = word(state[i])
    end
    return table.concat(state)
end

local function padded(key, octet)
    return (key:gsub(".", function(c) return string.char(bxor(c:byte(), octet)) end)) .. string.char(octet):rep(64 - #key)
end

-- A key of at most 64 octets.
local function hmac(key, text)
    return hash(padded(key, 0x5c) .. hash(padded(key, 0x36) .. text))
end

-- At most 32 octets, with an empty context.
local function expand_label(secret, label, length)
    label = "bp1 " .. label
    return hmac(secret, string.char(0, length, #label) .. label .. "\0\1"):sub(1, length)
end

return { hash = hash, hmac = hmac, expand_label = expand_label }
