namespace BlackPony.Hosting;

/// <summary>The mail server would relay for strangers who come through <c>listen</c> ([BP-10.1-1]).</summary>
/// <param name="message">What was asked and answered.</param>
public sealed class OpenRelayException(string message) : IOException(message);
