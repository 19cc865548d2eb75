namespace BlackPony.Mutation;

/// <summary>One change of the sources, compiled in beside the original and switched on by its number.</summary>
/// <param name="Id">The number.</param>
/// <param name="File">The source file, from the root of the repository.</param>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Change">What stands there, and what instead.</param>
/// <param name="IsStatic">Whether it is in an initializer that runs once in a process.</param>
internal sealed record Mutant(int Id, string File, int Line, string Change, bool IsStatic);
