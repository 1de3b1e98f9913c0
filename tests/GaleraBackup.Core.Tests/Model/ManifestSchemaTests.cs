using System.Runtime.CompilerServices;
using System.Text.Json;

namespace GaleraBackup.Core.Tests.Model;

/// <summary>The schema in the module says what the manifest has: neither more nor less.</summary>
public sealed class ManifestSchemaTests
{
    [Fact]
    public void The_schema_and_the_manifest_have_the_same_members()
    {
        using var schema = JsonDocument.Parse(File.ReadAllText(SchemaPath()));
        using var manifest = JsonDocument.Parse(BackupManifest.Parse(Make.Manifest("base/2026-01-05_01-00-00"), "here").ToJson());

        Assert.Equal(BackupManifest.CurrentSchema, schema.RootElement.GetProperty("properties").GetProperty("schemaVersion").GetProperty("const").GetInt32());
        Compare("", schema.RootElement, manifest.RootElement);
    }

    private static void Compare(string path, JsonElement schema, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
        {
            Compare($"{path}[]", items, value[0]);
        }
        else if (value.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var properties))
        {
            Assert.Equal(
                properties.EnumerateObject().Select(property => $"{path}.{property.Name}").Order(StringComparer.Ordinal),
                value.EnumerateObject().Select(property => $"{path}.{property.Name}").Order(StringComparer.Ordinal));
            foreach (var property in value.EnumerateObject())
            {
                Compare($"{path}.{property.Name}", properties.GetProperty(property.Name), property.Value);
            }
        }
    }

    private static string SchemaPath([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "../../../module/GaleraBackup/manifest.schema.json");
}
