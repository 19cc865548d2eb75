using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace BlackPony.Tools;

/// <summary>Collects the instruments of some meters, and writes them in Prometheus' text format, version 0.0.4.</summary>
internal sealed class MetricsText : IDisposable
{
    private readonly Lock _lock = new();
    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);

    /// <summary>Begins to collect.</summary>
    /// <param name="meters">The meters' names.</param>
    public MetricsText(params string[] meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (meters.Contains(instrument.Meter.Name))
                listener.EnableMeasurementEvents(instrument, Of(instrument));
        };
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, family) => Take(family, value, tags));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, family) => Take(family, value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, family) => Take(family, value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Take(family, value, tags));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, family) => Take(family, value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Take(family, value, tags));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, family) => Take(family, (double)value, tags));
        _listener.Start();
    }

    /// <summary>Writes what there is now.</summary>
    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        text.Append("# TYPE target_info gauge\n# HELP target_info Target metadata\n");
        text.Append(CultureInfo.InvariantCulture, $"target_info{{service_name=\"blackpony\",service_version=\"{Release.Version}\"}} 1\n");
        lock (_lock)
        {
            foreach (var family in _families.Values)
                family.Write(text);
        }

        return text.ToString();
    }

    /// <summary>The names and descriptions of all instruments that there are.</summary>
    public IReadOnlyList<(string Name, string Description)> Describe()
    {
        lock (_lock)
        {
            return [.. _families.Values.Select(f => (f.Name, f.Description))];
        }
    }

    public void Dispose() => _listener.Dispose();

    // A histogram is shown as its sum and count.
    private Family Of(Instrument instrument)
    {
        var kind = instrument.GetType().Name.Split('`')[0];
        var family = new Family(instrument, kind is "Counter" or "ObservableCounter" ? "counter" : kind == "Histogram" ? "summary"
            : "gauge", kind is "Counter" or "UpDownCounter" or "Histogram");
        lock (_lock)
        {
            return _families[family.Name] = family;
        }
    }

    private void Take(object? family, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            ((Family)family!).Take(value, tags);
        }
    }

    /// <summary>One instrument with all its labels.</summary>
    private sealed class Family
    {
        private readonly SortedDictionary<string, (double Value, long Count)> _values = new(StringComparer.Ordinal);
        private readonly string _type;
        private readonly string _scope;
        private readonly string _help;
        private readonly bool _adds;

        public Family(Instrument instrument, string type, bool adds)
        {
            (_type, _adds) = (type, adds);
            var name = Name(instrument.Name);
            var unit = instrument.Unit switch { "By" => "_bytes", "s" => "_seconds", _ => "" };
            name += name.EndsWith(unit, StringComparison.Ordinal) ? "" : unit;
            this.Name = name + (type == "counter" && !name.EndsWith("_total", StringComparison.Ordinal) ? "_total" : "");
            _scope = $"otel_scope_name=\"{Escape(instrument.Meter.Name)}\"";
            _help = (instrument.Description ?? "").Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal);

            static string Name(string text) => string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        }

        public string Name { get; }

        public string Description => _help;

        public void Take(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var (key, said) in tags)
            {
                labels[string.Concat(key.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'))] = Escape(Convert.ToString(said,
                    CultureInfo.InvariantCulture) ?? "");
            }

            var text = string.Concat(labels.Select(l => $",{l.Key}=\"{l.Value}\""));
            var (before, count) = _values.GetValueOrDefault(text);
            _values[text] = (_adds ? before + value : value, count + 1);
        }

        public void Write(StringBuilder text)
        {
            if (_values.Count == 0)
                return;

            text.Append(CultureInfo.InvariantCulture, $"# TYPE {Name} {_type}\n# HELP {Name} {_help}\n");
            foreach (var (labels, (value, count)) in _values)
            {
                text.Append(CultureInfo.InvariantCulture, $"{Name}{(_type == "summary" ? "_sum" : "")}{{{_scope}{labels}}} {value:R}\n");
                if (_type == "summary")
                    text.Append(CultureInfo.InvariantCulture, $"{Name}_count{{{_scope}{labels}}} {count}\n");
            }
        }

        private static string Escape(string text) =>
            text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal);
    }
}
