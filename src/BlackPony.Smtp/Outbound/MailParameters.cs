namespace BlackPony.Smtp.Outbound;

/// <summary>The parameters of MAIL that an outbound relay offers: SIZE, BODY and SMTPUTF8 ([BP-10.5-4], [BP-10.5-20]).</summary>
internal static class MailParameters
{
    /// <summary>A parameter's keyword, in upper case.</summary>
    public static string Keyword(string parameter) => parameter.Split('=')[0].ToUpperInvariant();

    /// <summary>The extension that has the parameter, as a keyword of EHLO.</summary>
    public static string Extension(string parameter) => Keyword(parameter) == "BODY" ? "8BITMIME" : Keyword(parameter);

    /// <summary>What is wrong with them, as a reply without CRLF; null if nothing is.</summary>
    public static string? Complaint(IReadOnlyList<string> parameters)
    {
        if (parameters.FirstOrDefault(p => !IsOffered(p)) is not null)
            return "555 5.5.4 Parameter not offered";

        bool isRight = parameters.All(IsRight) && parameters.Select(Keyword).Distinct().Count() == parameters.Count;
        return isRight ? null : "501 5.5.4 Malformed parameter";
    }

    // BINARYMIME needs CHUNKING (RFC 3030), which is not offered.
    private static bool IsOffered(string parameter) =>
        Keyword(parameter) is "SIZE" or "SMTPUTF8"
        || (Keyword(parameter) == "BODY" && !Value(parameter).Equals("BINARYMIME", StringComparison.OrdinalIgnoreCase));

    private static bool IsRight(string parameter) => Keyword(parameter) switch
    {
        "SIZE" => Value(parameter) is { Length: > 0 and <= 20 } size && size.All(char.IsAsciiDigit),
        "BODY" => Value(parameter).ToUpperInvariant() is "7BIT" or "8BITMIME",
        _ => !parameter.Contains('=', StringComparison.Ordinal),
    };

    private static string Value(string parameter) =>
        parameter.IndexOf('=', StringComparison.Ordinal) is var i and >= 0 ? parameter[(i + 1)..] : "";
}
