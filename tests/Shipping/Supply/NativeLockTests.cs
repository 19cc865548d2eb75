using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace BlackPony.Tests.Shipping.Supply;

/// <summary>The machine code is compiled from what was locked: compiler, linker and runtime among it.</summary>
public sealed class NativeLockTests
{
    private const string LinkedIn = "Microsoft.NETCore.App.Runtime.NativeAOT.linux-x64";
    private static readonly XDocument Properties = XDocument.Load(Repository.At("Directory.Build.props"));
    private static readonly string Runtime = Properties.Descendants("RuntimeFrameworkVersion").Single().Value;
    private static readonly string[] Packs = File.ReadAllLines(Repository.At("RuntimePacks.lock"));

    public static TheoryData<string> Programs => [.. ShippedPrograms.Names];

    [Theory]
    [MemberData(nameof(Programs))]
    public void Compiler_linker_and_runtime_are_locked_in_one_version(string program)
    {
        var locked = LockFile.Read(LockFile.Native(program));
        string[] compiler = ["Microsoft.DotNet.ILCompiler", "runtime.linux-x64.Microsoft.DotNet.ILCompiler", "Microsoft.NET.ILLink.Tasks"];
        Assert.All(compiler, id => Assert.Equal(Runtime, Assert.Single(locked, p => p.Id == id).Version));
        Assert.Contains(Packs, p => p.StartsWith($"{LinkedIn} {Runtime} ", StringComparison.Ordinal));
        Assert.All(Packs, p => Assert.Matches($"^[A-Za-z0-9.-]+ {Regex.Escape(Runtime)} [A-Za-z0-9+/]{{86}}==$", p));

        // The other packages are those of the .NET program.
        Assert.Empty(LockFile.Read(LockFile.Native(program).Replace(".linux-x64", "", StringComparison.Ordinal)).Except(locked));
    }

    [Fact]
    public async Task A_restore_for_machine_code_is_in_locked_mode()
    {
        var project = Repository.At("tools", "blackpony");
        var run = await Run.ProgramAsync("dotnet", ["msbuild", project, "-p:PublishAot=true", "-getProperty:RestoreLockedMode"]);
        Assert.Equal("true", run.Good().Trim());
    }

    /// <summary>One octet of a hash differs: the build says which package it is, and ends.</summary>
    [Fact]
    public async Task A_compiler_that_is_not_the_locked_one_is_refused()
    {
        _ = ShippedPrograms.Native("blackpony");
        await WithAsync(async folder =>
        {
            var file = Path.Combine(folder, "packages.lock.json");
            var locked = Repository.At("src", "BlackPony.Reference", LockFile.NativeName);
            var good = await File.ReadAllTextAsync(locked, TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(file, good, TestContext.Current.CancellationToken);
            (await RestoreAsync(folder, file)).Good();

            var hash = LockFile.Read(file).Single(p => p.Id == "Microsoft.DotNet.ILCompiler").ContentHash;
            var bad = good.Replace(hash, Other(hash), StringComparison.Ordinal);
            await File.WriteAllTextAsync(file, bad, TestContext.Current.CancellationToken);
            var run = await RestoreAsync(folder, file);
            Assert.NotEqual(0, run.Code);
            Assert.Contains("NU1403", run.Output, StringComparison.Ordinal);
            Assert.Contains("Microsoft.DotNet.ILCompiler", run.Output, StringComparison.Ordinal);
        });

        static Task<Run> RestoreAsync(string folder, string file) => Run.ProgramAsync("dotnet",
        [
            "restore", Repository.At("src", "BlackPony.Reference"), "-r", "linux-x64", "-nodeReuse:false",
            "-p:PublishAot=true", $"-p:NuGetLockFilePath={file}", "--artifacts-path", Path.Combine(folder, "artifacts"), "--force",
        ]);
    }

    [Fact]
    public async Task A_runtime_that_is_not_the_locked_one_is_refused()
    {
        _ = ShippedPrograms.Native("blackpony");
        await WithAsync(async folder =>
        {
            var file = Path.Combine(folder, "packs.lock");
            await File.WriteAllLinesAsync(file, Packs, TestContext.Current.CancellationToken);
            (await CheckAsync(file)).Good();

            var bad = Packs.Select(p => p.StartsWith(LinkedIn, StringComparison.Ordinal) ? p[..^88] + Other(p[^88..]) : p);
            await File.WriteAllLinesAsync(file, bad, TestContext.Current.CancellationToken);
            var run = await CheckAsync(file);
            Assert.NotEqual(0, run.Code);
            Assert.Contains($"RuntimePacks.lock does not have this line: {LinkedIn}", run.Output, StringComparison.Ordinal);
        });

        // Where tools/publish has restored.
        static Task<Run> CheckAsync(string file) => Run.ProgramAsync("dotnet",
        [
            "msbuild", Repository.At("tools", "trace-replayer"), "-t:ResolveFrameworkReferences;CheckRuntimePacks",
            "-v:quiet", "-nodeReuse:false",
            "-p:Configuration=Release", "-p:RuntimeIdentifier=linux-x64", "-p:PublishAot=true",
            $"-p:ArtifactsPath={Repository.At("artifacts", "publish", "build")}", $"-p:RuntimePacksLock={file}",
        ]);
    }

    private static string Other(string hash) => (hash[0] == 'A' ? 'B' : 'A') + hash[1..];

    private static async Task WithAsync(Func<string, Task> use)
    {
        var folder = Directory.CreateTempSubdirectory("blackpony-").FullName;
        try
        {
            await use(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
