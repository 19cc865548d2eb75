using System.Diagnostics;

namespace BlackPony.Tests.Interop.Grafana;

/// <summary>
/// The dashboard against Grafana's own schema: Grafana publishes it as CUE, and the types that it generates from it as the npm package
/// <c>@grafana/schema</c>. TypeScript reports each field that the schema does not have, lacks, or has with another type.
/// </summary>
public sealed class DashboardSchemaTests
{
    private static readonly string[] Unreachable = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENOTCACHED"];
    private static readonly string Dashboard = Repository.Read("tools", "blackpony", "prometheus", "dashboard.json");

    [Fact]
    public async Task The_dashboard_is_one_by_Grafanas_schema() => Assert.Equal("", await CheckAsync(Dashboard));

    [Theory]
    [InlineData("\"panels\": [", "\"pannels\": [", "'\"pannels\"' does not exist in type 'Dashboard'")]
    [InlineData("\"schemaVersion\": 39", "\"schemaVersion\": \"39\"", "Type 'string' is not assignable to type 'number'")]
    [InlineData("\"w\": 12", "\"width\": 12", "'\"width\"' does not exist in type 'GridPos'")]
    [InlineData("\"type\": \"query\"", "\"type\": \"quary\"", "is not assignable to type 'VariableType'")]
    public async Task A_field_that_the_schema_does_not_have_is_noticed(string field, string wrong, string error)
    {
        Assert.Contains(field, Dashboard, StringComparison.Ordinal);
        Assert.Contains(error, await CheckAsync(Dashboard.Replace(field, wrong, StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    // What the compiler says; nothing if it finds nothing.
    private static async Task<string> CheckAsync(string dashboard)
    {
        var folder = Directory.CreateTempSubdirectory("blackpony-");
        try
        {
            foreach (var file in (string[])["package.json", "package-lock.json"])
                File.Copy(Repository.At("tests", "Interop", "Grafana", file), Path.Combine(folder.FullName, file));

            // The lock file has the hash of each package; none of their scripts is run.
            var restored = await RunAsync(folder.FullName, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
                "--cache", Repository.At("artifacts", "npm"));
            Assert.SkipWhen(restored is null, "Needs npm.");
            Assert.SkipWhen(Unreachable.Any(e => restored.Value.Output.Contains(e, StringComparison.Ordinal)), "Needs the npm registry.");
            Assert.True(restored.Value.Code == 0, restored.Value.Output);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "dashboard.ts"),
                $"import type {{ Dashboard }} from '@grafana/schema';\nexport const dashboard: Dashboard = {dashboard};\n",
                TestContext.Current.CancellationToken);
            var (_, output) = (await RunAsync(folder.FullName, "node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict",
                "--skipLibCheck", "--types", "", "--module", "esnext", "--moduleResolution", "bundler", "dashboard.ts"))!.Value;
            return output;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
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
