using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using System.Security;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace GaleraBackup.Host;

/// <summary>
/// Results as one JSON document: the object if there is exactly one, else an array. The public properties of an object, as deep as a
/// backup run needs; what is deeper becomes its own text. Enums by name, times in ISO 8601, durations as [d.]hh:mm:ss[.fffffff].
/// </summary>
internal static class JsonOutput
{
    private const int MaxDepth = 6;

    private static readonly JsonWriterOptions s_options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Serialize(IReadOnlyList<object?> results)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, s_options))
        {
            if (results.Count == 1)
            {
                Write(writer, results[0], MaxDepth);
            }
            else
            {
                WriteArray(writer, results, MaxDepth);
            }
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void Write(Utf8JsonWriter writer, object? value, int depth)
    {
        if (value is PSObject wrapper)
        {
            if (wrapper.BaseObject is PSCustomObject)
            {
                WriteObject(writer, wrapper.Properties.Select(property => (property.Name, (Func<object?>)(() => property.Value))), value, depth);
                return;
            }

            value = wrapper.BaseObject;
        }

        switch (value)
        {
            case null or DBNull:
                writer.WriteNullValue();
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case SwitchParameter given:
                writer.WriteBooleanValue(given.IsPresent);
                break;
            case double.NaN or double.PositiveInfinity or double.NegativeInfinity or float.NaN or float.PositiveInfinity or float.NegativeInfinity:
                writer.WriteStringValue(Text(value));
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal:
                JsonSerializer.Serialize(writer, value);
                break;
            case DateTime time:
                writer.WriteStringValue(time);
                break;
            case DateTimeOffset time:
                writer.WriteStringValue(time);
                break;
            case byte[] bytes:
                writer.WriteBase64StringValue(bytes);
                break;
            case PSCredential credential:
                WriteObject(writer, [(nameof(credential.UserName), () => credential.UserName)], credential, depth);
                break;
            case Exception exception:
                WriteObject(writer, [("Type", () => exception.GetType().FullName), (nameof(exception.Message), () => exception.Message)], exception, depth);
                break;

            // Each would drag half the engine in, or is a secret (whose text is only its type's name).
            case string or char or Enum or Guid or Uri or Version or IFormattable or Type or MemberInfo or Delegate or ScriptBlock or ErrorRecord
                or CommandInfo or PSModuleInfo or SecureString:
                writer.WriteStringValue(Text(value));
                break;
            case IDictionary dictionary:
                WriteObject(writer, dictionary.Keys.Cast<object>().Select(key => (Text(key), (Func<object?>)(() => dictionary[key]))), value, depth);
                break;
            case IEnumerable items when depth > 0 && IsStringMap(value.GetType()):
                WriteObject(writer, PairsOf(items), value, depth);
                break;
            case IEnumerable items:
                WriteArray(writer, items, depth);
                break;
            default:
                WriteObject(writer, PropertiesOf(value), value, depth);
                break;
        }
    }

    private static void WriteArray(Utf8JsonWriter writer, IEnumerable items, int depth)
    {
        writer.WriteStartArray();
        foreach (var item in items)
        {
            Write(writer, item, depth);
        }

        writer.WriteEndArray();
    }

    private static void WriteObject(Utf8JsonWriter writer, IEnumerable<(string Name, Func<object?> Value)> properties, object value, int depth)
    {
        if (depth == 0)
        {
            writer.WriteStringValue(Text(value));
            return;
        }

        writer.WriteStartObject();
        foreach (var (name, get) in properties.DistinctBy(property => property.Name))
        {
            object? content;
            try
            {
                content = get();
            }
            catch (Exception exception) when (exception is not PipelineStoppedException)
            {
                // A property that cannot be read is no reason to lose the result.
                content = null;
            }

            writer.WritePropertyName(name);
            Write(writer, content, depth - 1);
        }

        writer.WriteEndObject();
    }

    private static IEnumerable<(string Name, Func<object?> Value)> PropertiesOf(object value) => value.GetType()
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.CanRead && property.GetIndexParameters().Length == 0 && !IsHidden(property))
        .Select(property => (property.Name, (Func<object?>)(() => property.GetValue(value))));

    // The pod as the API gave it is the module's own material: large, and its containers' environment may hold passwords.
    private static bool IsHidden(PropertyInfo property) =>
        property.PropertyType == typeof(PodSnapshot) || property.GetCustomAttribute<JsonIgnoreAttribute>() is not null;

    private static bool IsStringMap(Type type) => type.GetInterfaces().Any(candidate =>
        candidate.IsGenericType && candidate.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>)
        && candidate.GenericTypeArguments[0] == typeof(string));

    private static IEnumerable<(string Name, Func<object?> Value)> PairsOf(IEnumerable pairs)
    {
        foreach (var pair in pairs)
        {
            var type = pair.GetType();
            yield return ((string)type.GetProperty("Key")!.GetValue(pair)!, () => type.GetProperty("Value")!.GetValue(pair));
        }
    }

    private static string Text(object value) => value is TimeSpan duration
        ? duration.ToString("c", CultureInfo.InvariantCulture)
        : value is IFormattable and not Enum ? ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture) : value.ToString() ?? "";
}
