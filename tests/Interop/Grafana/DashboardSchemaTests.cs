using System.Diagnostics;

namespace BlackPony.Tests.Interop.Grafana;

/// <summary>
/// The dashboard against Grafana's own schema: Grafana publishes it as CUE, and the types that it generates from it as the npm package
/// <c>@grafana/schema</c>. TypeScript reports each field that the schema does not have, lacks, or has with another type.
/// </summary>
public sealed class DashboardSchemaTests(GrafanaTypes types) : IClassFixture<GrafanaTypes>
{
    private static readonly string Dashboard = Repository.Read("tools", "blackpony", "prometheus", "dashboard.json");

    [Fact]
    public async Task The_dashboard_is_one_by_Grafanas_schema() => Assert.Equal("", await types.CheckAsync(Dashboard));

    [Theory]
    [InlineData("\"panels\": [", "\"pannels\": [", "'\"pannels\"' does not exist in type 'Dashboard'")]
    [InlineData("\"schemaVersion\": 39", "\"schemaVersion\": \"39\"", "Type 'string' is not assignable to type 'number'")]
    [InlineData("\"w\": 12", "\"width\": 12", "'\"width\"' does not exist in type 'GridPos'")]
    [InlineData("\"type\": \"query\"", "\"type\": \"quary\"", "is not assignable to type 'VariableType'")]
    public async Task A_field_that_the_schema_does_not_have_is_noticed(string field, string wrong, string error)
    {
        Assert.Contains(field, Dashboard, StringComparison.Ordinal);
        Assert.Contains(error, await types.CheckAsync(Dashboard.Replace(field, wrong, StringComparison.Ordinal)), StringComparison.Ordinal);
    }
}

/// <summary>A folder with the types and the compiler, which npm fetches once for all tests.</summary>
public sealed class GrafanaTypes : IDisposable
{
    private static readonly string[] Unreachable = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENOTCACHED"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("blackpony-");
    private readonly Lazy<Task> _restored;

    public GrafanaTypes() => _restored = new Lazy<Task>(RestoreAsync);

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>What the compiler says of a dashboard; nothing if it finds nothing.</summary>
    public async Task<string> CheckAsync(string dashboard)
    {
        await _restored.Value;
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "dashboard.ts"),
            $"import type {{ Dashboard }} from '@grafana/schema';\nexport const dashboard: Dashboard = {dashboard};\n",
            TestContext.Current.CancellationToken);
        var (_, output) = (await RunAsync(_folder.FullName, "node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict",
            "--skipLibCheck", "--types", "", "--module", "esnext", "--moduleResolution", "bundler", "dashboard.ts"))!.Value;
        return output;
    }

    private async Task RestoreAsync()
    {
        foreach (var file in (string[])["package.json", "package-lock.json"])
            File.Copy(Repository.At("tests", "Interop", "Grafana", file), Path.Combine(_folder.FullName, file));

        // The lock file has the hash of each package; none of their scripts is run.
        var restored = await RunAsync(_folder.FullName, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
            "--cache", Repository.At("artifacts", "npm"));
        Assert.SkipWhen(restored is null, "Needs npm.");
        Assert.SkipWhen(Unreachable.Any(e => restored.Value.Output.Contains(e, StringComparison.Ordinal)), "Needs the npm registry.");
        Assert.True(restored.Value.Code == 0, restored.Value.Output);
    }

    private static async Task<(int Code, string Output)?> RunAsync(string folder, string program, params string[] arguments)
    {
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }

        using (process)
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, await output + await error);
        }
    }
}
