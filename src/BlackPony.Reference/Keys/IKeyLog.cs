namespace BlackPony.Reference.Keys;

/// <summary>Where secrets are logged for looking into captures, if the user asked for it (spec 11.3).</summary>
public interface IKeyLog
{
    /// <summary>Writes one line, without its LF.</summary>
    void Log(string line);
}
