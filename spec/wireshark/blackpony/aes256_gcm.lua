-- AES-256 (FIPS 197) in Galois/Counter Mode (SP 800-38D).

local bit = bit
local band, bxor, lshift, rshift, rol, tobit = bit.band, bit.bxor, bit.lshift, bit.rshift, bit.rol, bit.tobit

-- The S-box from powers of the generator 3, and the columns that a round mixes.
local sbox, mixed = {}, {}
do
    local function double(x)
        return x < 128 and 2 * x or bxor(2 * x, 0x11b)
    end
    local power, log, x = {}, {}, 1
    for i = 0, 254 do
        power[i], log[x] = x, i
        x = bxor(x, double(x))
    end
    for i = 0, 255 do
        local inverse = i == 0 and 0 or power[(255 - log[i]) % 255]
        local s = inverse
        for shift = 1, 4 do
            s = bxor(s, band(lshift(inverse, shift), 255), rshift(inverse, 8 - shift))
        end
        s = bxor(s, 0x63)
        sbox[i] = s
        mixed[i] = tobit(double(s) * 2 ^ 24 + s * 2 ^ 16 + s * 2 ^ 8 + bxor(s, double(s)))
    end
end

local function words(text)
    local result = {}
    for at = 1, #text, 4 do
        local p, q, r, s = text:byte(at, at + 3)
        result[#result + 1] = tobit(p * 2 ^ 24 + q * 2 ^ 16 + r * 2 ^ 8 + s)
    end
    return result
end

local function text_of(list)
    local result = {}
    for i = 1, #list do
        local number = list[i] % 2 ^ 32
        result[i] = string.char(math.floor(number / 2 ^ 24), math.floor(number / 2 ^ 16) % 256, math.floor(number / 2 ^ 8) % 256, number % 256)
    end
    return table.concat(result)
end

local function substituted(w)
    return bxor(lshift(sbox[rshift(w, 24)], 24), lshift(sbox[band(rshift(w, 16), 255)], 16), lshift(sbox[band(rshift(w, 8), 255)], 8), sbox[band(w, 255)])
end

local function schedule(key)
    local w = words(key)
    local constant = 1
    for i = 9, 60 do
        local t = w[i - 1]
        if i % 8 == 1 then
            t = bxor(substituted(rol(t, 8)), lshift(constant, 24))
            constant = 2 * constant
        elseif i % 8 == 5 then
            t = substituted(t)
        end
        w[i] = bxor(w[i - 8], t)
    end
    return w
end

local function encrypt(w, input)
    local x = {}
    for i = 1, 4 do
        x[i] = bxor(input[i], w[i])
    end
    for round = 1, 14 do
        local y = {}
        for i = 1, 4 do
            local a, b, c, d = rshift(x[i], 24), band(rshift(x[i % 4 + 1], 16), 255), band(rshift(x[(i + 1) % 4 + 1], 8), 255), band(x[(i + 2) % 4 + 1], 255)
            local column
            if round < 14 then
                column = bxor(mixed[a], rol(mixed[b], 24), rol(mixed[c], 16), rol(mixed[d], 8))
            else
                column = bxor(lshift(sbox[a], 24), lshift(sbox[b], 16), lshift(sbox[c], 8), sbox[d])
            end
            y[i] = bxor(column, w[4 * round + i])
        end
        x = y
    end
    return x
end

-- One bit to the right in GCM's order of bits.
local function shifted(v)
    local low = band(v[4], 1)
    return {
        bxor(rshift(v[1], 1), low == 1 and tobit(0xe1000000) or 0), bxor(rshift(v[2], 1), lshift(v[1], 31)),
        bxor(rshift(v[3], 1), lshift(v[2], 31)), bxor(rshift(v[4], 1), lshift(v[3], 31)),
    }
end

-- H times each power of x: a product is a sum of those.
local function powers(h)
    local result = {}
    for i = 0, 127 do
        result[i] = h
        h = shifted(h)
    end
    return result
end

local function ghash(h, text)
    local y1, y2, y3, y4 = 0, 0, 0, 0
    for at = 1, #text, 16 do
        local x = words(text:sub(at, at + 15))
        x[1], x[2], x[3], x[4] = bxor(x[1], y1), bxor(x[2], y2), bxor(x[3], y3), bxor(x[4], y4)
        y1, y2, y3, y4 = 0, 0, 0, 0
        for i = 0, 3 do
            local w = x[i + 1]
            for j = 0, 31 do
                if w < 0 then
                    local v = h[32 * i + j]
                    y1, y2, y3, y4 = bxor(y1, v[1]), bxor(y2, v[2]), bxor(y3, v[3]), bxor(y4, v[4])
                end
                w = lshift(w, 1)
            end
        end
    end
    return { y1, y2, y3, y4 }
end

local function xor(a, b)
    local result = {}
    for i = 1, #a do
        result[i] = bxor(a[i], b[i])
    end
    return result
end

local function padding(text)
    return ("\0"):rep(-#text % 16)
end

-- What a key needs once.
local function prepare(key)
    local w = schedule(key)
    return { w = w, h = powers(encrypt(w, { 0, 0, 0, 0 })) }
end

-- What was sealed, or nil if the tag is wrong.
local function open(prepared, nonce, aad, ciphertext, tag)
    local w, h = prepared.w, prepared.h
    local counter = words(nonce)
    counter[4] = 1
    local hashed = ghash(h, aad .. padding(aad) .. ciphertext .. padding(ciphertext) .. text_of { 0, 8 * #aad, 0, 8 * #ciphertext })
    if text_of(xor(hashed, encrypt(w, counter))) ~= tag then
        return nil
    end
    local result = {}
    for at = 1, #ciphertext, 16 do
        counter[4] = counter[4] + 1
        local part = ciphertext:sub(at, at + 15)
        result[#result + 1] = text_of(xor(words(part .. padding(part)), encrypt(w, counter)))
    end
    return table.concat(result):sub(1, #ciphertext)
end

return { prepare = prepare, open = open }
