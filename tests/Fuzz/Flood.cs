namespace BlackPony.Fuzz;

/// <summary>Much of the same: what a fuzzer's short input can't be.</summary>
internal static class Flood
{
    private const int Length = 150_000;

    public static byte[] Of(byte[] octets)
    {
        var flood = new byte[octets.Length == 0 ? 0 : Length];
        for (int i = 0; i < flood.Length; i++)
        {
            flood[i] = octets[i % octets.Length];
        }

        return flood;
    }
}
