namespace BlackPony.Hosting;

/// <summary>A mail exchanger of a domain, as somebody finds it who sends no mail there.</summary>
/// <param name="Name">Its name, or the address of an address literal.</param>
/// <param name="Targets">Its addresses.</param>
/// <param name="Error">Why there is none, or not all; null if there is no error.</param>
public sealed record MailExchanger(string Name, IReadOnlyList<MailTarget> Targets, string? Error);
