using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using BlackPony.Traces;

namespace BlackPony.Tools.TraceReplayer;

/// <summary>What the commands' arguments have in common.</summary>
internal static class Arguments
{
    /// <summary>A mistyped option is not a file's name.</summary>
    public static void RejectOptions(ArgumentResult result)
    {
        foreach (var token in result.Tokens)
        {
            if (token.Value.Length > 1 && token.Value[0] == '-' && !File.Exists(token.Value))
                result.AddError($"There is no option '{token.Value}', and no file of that name.");
        }
    }

    /// <summary>A moment, in nanoseconds since 1970; UTC unless it says otherwise.</summary>
    public static long? Moment(ArgumentResult result)
    {
        if (DateTimeOffset.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment))
            return (moment.UtcTicks - DateTime.UnixEpoch.Ticks) * 100;

        result.AddError($"A time is written 2026-11-24T08:00:00Z, not '{result.Tokens[0].Value}'.");
        return null;
    }

    /// <summary>A number within bounds.</summary>
    public static void Within<T>(Option option, T least, T most)
        where T : INumber<T> => option.Validators.Add(r =>
        {
            foreach (var token in r.Tokens)
            {
                if (!(T.TryParse(token.Value, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most))
                    r.AddError($"{option.Name} is a number from {least} to {most}, not '{token.Value}'.");
            }
        });

    /// <summary>Files that are there, standard input too.</summary>
    public static bool IsStandardInput(string path) => path == Inspector.StandardInput;
}
