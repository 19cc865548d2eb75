namespace BlackPony.Tests.Property.Exploration;

/// <summary>The units that are under way in one direction, first to last, under a number.</summary>
internal sealed class Queues
{
    public const int Empty = 0;

    private readonly List<int[]> _queues = [[]];
    private readonly Dictionary<int[], int> _numbers = new(new SameUnits()) { [[]] = Empty };

    public int[] this[int queue] => _queues[queue];

    public int Of(int[] units)
    {
        if (!_numbers.TryGetValue(units, out int queue))
        {
            _numbers[units] = queue = _queues.Count;
            _queues.Add(units);
        }

        return queue;
    }

    private sealed class SameUnits : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] units)
        {
            var hash = default(HashCode);
            foreach (int unit in units)
            {
                hash.Add(unit);
            }

            return hash.ToHashCode();
        }
    }
}
