using System.Runtime.Versioning;

// The module's scripts run in Linux containers, and so do their tests.
[assembly: SupportedOSPlatform("linux")]
