-- ChaCha20-Poly1305 (RFC 8439).

local bit = bit
local bxor, rol, tobit = bit.bxor, bit.rol, bit.tobit

local function words(text)
    local result = {}
    for at = 1, #text, 4 do
        local p, q, r, s = text:byte(at, at + 3)
        result[#result + 1] = tobit(p + q * 2 ^ 8 + r * 2 ^ 16 + s * 2 ^ 24)
    end
    return result
end

local function quarter(x, a, b, c, d)
    local p, q, r, s = x[a], x[b], x[c], x[d]
    p = tobit(p + q)
    s = rol(bxor(s, p), 16)
    r = tobit(r + s)
    q = rol(bxor(q, r), 12)
    p = tobit(p + q)
    s = rol(bxor(s, p), 8)
    r = tobit(r + s)
    q = rol(bxor(q, r), 7)
    x[a], x[b], x[c], x[d] = p, q, r, s
end

-- Block number `counter` of the key stream, 64 octets.
local function block(key, nonce, counter)
    local start = words("expand 32-byte k" .. key .. "\0\0\0\0" .. nonce)
    start[13] = tobit(counter)
    local x = { table.unpack(start) }
    for _ = 1, 10 do
        quarter(x, 1, 5, 9, 13)
        quarter(x, 2, 6, 10, 14)
        quarter(x, 3, 7, 11, 15)
        quarter(x, 4, 8, 12, 16)
        quarter(x, 1, 6, 11, 16)
        quarter(x, 2, 7, 12, 13)
        quarter(x, 3, 8, 9, 14)
        quarter(x, 4, 5, 10, 15)
    end
    for i = 1, 16 do
        local number = (x[i] + start[i]) % 2 ^ 32
        x[i] = string.char(number % 256, math.floor(number / 2 ^ 8) % 256, math.floor(number / 2 ^ 16) % 256, math.floor(number / 2 ^ 24))
    end
    return table.concat(x)
end

local function xor(text, stream)
    local result = {}
    for i = 1, #text do
        result[i] = string.char(bxor(text:byte(i), stream:byte(i)))
    end
    return table.concat(result)
end

-- Numbers of 130 bits as 17 octets, the lowest first; products of octets stay exact.
local function octets(text)
    local result = { text:byte(1, -1) }
    for i = #result + 1, 17 do
        result[i] = 0
    end
    return result
end

local function poly1305(key, text)
    local r = octets(key:sub(1, 16))
    for _, i in ipairs { 4, 8, 12, 16 } do
        r[i] = r[i] % 16
    end
    for _, i in ipairs { 5, 9, 13 } do
        r[i] = r[i] - r[i] % 4
    end
    local h = octets("")
    for at = 1, #text, 16 do
        local m = octets(text:sub(at, at + 15) .. "\1")
        for i = 1, 17 do
            m[i] = m[i] + h[i]
        end
        -- 2^136 is 5 * 2^6 modulo 2^130 - 5.
        local carry = 0
        for i = 1, 17 do
            local sum = carry
            for j = 1, i do
                sum = sum + m[j] * r[i + 1 - j]
            end
            for j = i + 1, 17 do
                sum = sum + m[j] * 320 * r[i + 18 - j]
            end
            h[i] = sum % 256
            carry = math.floor(sum / 256)
        end
        -- What is above 2^130 comes in below, times 5.
        carry = (carry * 64 + math.floor(h[17] / 4)) * 5
        h[17] = h[17] % 4
        for i = 1, 17 do
            local sum = h[i] + carry
            h[i] = sum % 256
            carry = math.floor(sum / 256)
        end
    end
    -- Is it 2^130 - 5 or more, that is taken away.
    local less, carry = {}, 5
    for i = 1, 17 do
        local sum = h[i] + carry
        less[i] = sum % 256
        carry = math.floor(sum / 256)
    end
    if less[17] >= 4 then
        h = less
    end
    local tag
    tag, carry = {}, 0
    for i = 1, 16 do
        local sum = h[i] + key:byte(16 + i) + carry
        tag[i] = string.char(sum % 256)
        carry = math.floor(sum / 256)
    end
    return table.concat(tag)
end

local function padding(text)
    return ("\0"):rep(-#text % 16)
end

local function length(text)
    return string.char(#text % 256, math.floor(#text / 256)) .. ("\0"):rep(6)
end

-- What was sealed, or nil if the tag is wrong.
local function open(key, nonce, aad, ciphertext, tag)
    local once = block(key, nonce, 0):sub(1, 32)
    if poly1305(once, aad .. padding(aad) .. ciphertext .. padding(ciphertext) .. length(aad) .. length(ciphertext)) ~= tag then
        return nil
    end
    local result = {}
    for i = 1, math.ceil(#ciphertext / 64) do
        result[i] = xor(ciphertext:sub(64 * i - 63, 64 * i), block(key, nonce, i))
    end
    return table.concat(result)
end

return { prepare = function(key) return key end, open = open }
