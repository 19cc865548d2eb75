using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace BlackPony.Mutation;

/// <summary>A project as the build compiles it: its sources, references and options.</summary>
internal sealed class Project : IAnalyzerAssemblyLoader
{
    private readonly CSharpCommandLineArguments _arguments;

    private Project(CSharpCommandLineArguments arguments) => _arguments = arguments;

    /// <summary>How sources are read.</summary>
    public CSharpParseOptions ParseOptions => _arguments.ParseOptions;

    /// <summary>Asks MSBuild how it would compile a project that is built.</summary>
    public static Project Load(string path)
    {
        string[] arguments =
        [
            "msbuild", path, "-nologo", "-v:q", "-nodeReuse:false", "-t:PrepareResources;Compile", "-p:Configuration=Release",
            "-p:BuildProjectReferences=false", "-p:DesignTimeBuild=true",
            "-p:SkipCompilerExecution=true", "-p:ProvideCommandLineArgs=true", "-p:NonExistentFile=__none__",
            "-getItem:CscCommandLineArgs",
        ];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(output);
        }

        using var json = JsonDocument.Parse(output);
        var items = json.RootElement.GetProperty("Items").GetProperty("CscCommandLineArgs").EnumerateArray()
            .Select(i => i.GetProperty("Identity").GetString()!).ToArray();
        return new Project(CSharpCommandLineParser.Default.Parse(items, Path.GetDirectoryName(Path.GetFullPath(path)), null));
    }

    /// <summary>The unchanged compilation, generated sources included.</summary>
    public CSharpCompilation Compile()
    {
        var trees = _arguments.SourceFiles.Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f.Path), ParseOptions, f.Path));
        var references = _arguments.MetadataReferences.Select(r => MetadataReference.CreateFromFile(r.Reference, r.Properties));
        var options = _arguments.CompilationOptions.WithGeneralDiagnosticOption(ReportDiagnostic.Suppress)
            .WithSpecificDiagnosticOptions([]).WithPlatform(Platform.AnyCpu);
        var compilation = CSharpCompilation.Create(_arguments.CompilationName, trees, references, options);
        var generators = _arguments.AnalyzerReferences
            .SelectMany(a => new AnalyzerFileReference(a.FilePath, this).GetGenerators(LanguageNames.CSharp)).ToList();
        var driver = CSharpGeneratorDriver.Create(generators, parseOptions: ParseOptions);
        driver.RunGeneratorsAndUpdateCompilation(compilation, out var whole, out _);
        return (CSharpCompilation)whole;
    }

    /// <summary>Writes the assembly.</summary>
    public void Emit(CSharpCompilation compilation, string path)
    {
        var resources = _arguments.ManifestResources;
        using var stream = File.Create(path);
        var result = compilation.Emit(stream, manifestResources: resources);
        if (!result.Success)
        {
            throw new InvalidOperationException(string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)));
        }
    }

    public void AddDependencyLocation(string fullPath)
    {
    }

    public Assembly LoadFromPath(string fullPath) => Assembly.LoadFrom(fullPath);
}
