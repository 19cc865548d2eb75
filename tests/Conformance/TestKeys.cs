using System.Security.Cryptography;
using BlackPony.Tests.Conformance.Specification;

namespace BlackPony.Tests.Conformance;

/// <summary>The RSA key pairs of the vectors (spec/vectors), which protect nothing.</summary>
internal static class TestKeys
{
    public static RSA Rsa(string role)
    {
        var rsa = RSA.Create();
        rsa.ImportFromPem(File.ReadAllText(Path.Combine(SpecificationFile.Folder, "vectors", $"rsa-{role}.pem")));
        return rsa;
    }
}
