using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace BlackPony.Traces.Reports;

/// <summary>Writes moments and durations as JSON, without a string for each: a session has dozens, and those of a second have all but their
/// fraction in common.</summary>
/// <param name="json">Where to.</param>
internal sealed class JsonMoment(Utf8JsonWriter json)
{
    private const int Fraction = 20;
    private const long Second = 1_000_000_000;

    private readonly byte[] _text = new byte[27];
    private readonly byte[] _number = new byte[32];
    private long _second = long.MinValue;

    /// <summary>A moment in UTC with microseconds.</summary>
    /// <param name="name">The property.</param>
    /// <param name="nanoseconds">Since 1970.</param>
    public void Time(JsonEncodedText name, long nanoseconds)
    {
        long second = Math.DivRem(nanoseconds, Second, out long rest);
        if (nanoseconds < 0)
        {
            json.WriteString(name, Words.Time(nanoseconds));
            return;
        }

        if (second != _second)
        {
            _second = second;
            _ = Encoding.ASCII.GetBytes(Words.Time(second * Second), _text);
        }

        Digits(_text.AsSpan(Fraction, 6), rest / 1000);
        json.WriteString(name, _text);
    }

    /// <summary>Seconds with microseconds; null if they are not known.</summary>
    public void Seconds(JsonEncodedText name, double? seconds)
    {
        if (seconds is not { } known)
        {
            json.WriteNull(name);
            return;
        }

        long micros = (long)Math.Round(known * 1e6);
        _ = Utf8Formatter.TryFormat(micros / 1_000_000, _number, out int length);
        _number[length] = (byte)'.';
        Digits(_number.AsSpan(length + 1, 6), micros % 1_000_000);
        json.WritePropertyName(name);
        json.WriteRawValue(_number.AsSpan(0, length + 7), skipInputValidation: true);
    }

    private static void Digits(Span<byte> into, long number)
    {
        for (int i = into.Length - 1; i >= 0; i--)
        {
            (number, long digit) = Math.DivRem(number, 10);
            into[i] = (byte)('0' + digit);
        }
    }
}
