BeforeDiscovery {
    # What other modules bring: the same names, other versions, other contents.
    $assemblies = @(
        @{ Assembly = 'YamlDotNet'; Code = 'namespace YamlDotNet.Serialization { public class DeserializerBuilder { } }' }
        @{ Assembly = 'Microsoft.Extensions.Logging.Abstractions'; Code = 'namespace Microsoft.Extensions.Logging { public interface ILogger { void Other(); } }' }
        @{ Assembly = 'MySqlConnector'; Code = 'namespace MySqlConnector { public sealed class MySqlConnection { } }' }
    )
    $scenarios = foreach ($assembly in $assemblies) {
        foreach ($version in 'older', 'same', 'newer') {
            $assembly + @{ Version = $version }
        }
    }
}

BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/ApiStub.psm1, $PSScriptRoot/Pester/Lab.psm1 -Force

    $module = Get-ModulePath
    $inside = $module + [System.IO.Path]::DirectorySeparatorChar
    $port = Get-ClosedPort
    $config = Add-KubeConfig -Path 'TestDrive:/config' -Port $port
    $lonely = Add-KubeConfig -Path 'TestDrive:/lonely'
    $stub = Open-ApiStub -Port $port
    $made = @{}
    Add-Type -AssemblyName Microsoft.CodeAnalysis, Microsoft.CodeAnalysis.CSharp

    # A module of one assembly, for Import-Module. Emits its path.
    function Get-OtherModule ([string] $Assembly, [string] $Code, [string] $Version) {
        if (-not $made["$Assembly $Version"]) {
            $ours = [System.Reflection.AssemblyName]::GetAssemblyName("$module/bin/Dependencies/$Assembly.dll").Version
            $number = @{ older = '0.0.0.1'; same = "$ours"; newer = '999.0.0.0' }[$Version]
            $folder = (New-Item -ItemType Directory -Path "TestDrive:/$Version/$Assembly").FullName

            # Not Add-Type: it gives an assembly a name of its own making, and one of another name does no harm.
            $tree = [Microsoft.CodeAnalysis.CSharp.CSharpSyntaxTree]::ParseText("[assembly: System.Reflection.AssemblyVersion(`"$number`")] $Code")
            $file = [System.IO.File]::Create("$folder/$Assembly.dll")
            $emitted = [Microsoft.CodeAnalysis.CSharp.CSharpCompilation]::Create($Assembly).
                WithOptions([Microsoft.CodeAnalysis.CSharp.CSharpCompilationOptions]::new('DynamicallyLinkedLibrary')).
                AddReferences([Microsoft.CodeAnalysis.MetadataReference]::CreateFromFile([object].Assembly.Location)).
                AddSyntaxTrees($tree).Emit($file)
            $file.Dispose()
            if (-not $emitted.Success) {
                throw $emitted.Diagnostics
            }

            $made["$Assembly $Version"] = "$folder/$Assembly.dll"
        }

        $made["$Assembly $Version"]
    }

    # Uses the module as far as its SQL client in a fresh process, with other modules loaded before or after it. Emits what became of it.
    function Get-Outcome ([string[]] $Before = @(), [string[]] $After = @(), [string] $Module = $module, [hashtable] $Cluster = @{ KubeConfig = $config }) {
        $arguments = $Module, ($Before -join ';'), ($After -join ';'), (ConvertTo-Json -InputObject $Cluster -Compress)
        $lines = @(Invoke-FreshPwsh -ArgumentList $arguments -Script {
            param($Module, $Before, $After, $Cluster)
            $Before -split ';' -ne '' | Import-Module
            $cluster = ConvertFrom-Json -InputObject $Cluster -AsHashtable
            $login = [pscredential]::new('root', ('none' | ConvertTo-SecureString -AsPlainText -Force))
            $direct = $cluster.Contains('Namespace') ? @{} : @{ Via = 'Direct'; Credential = $login }
            $outcome = @{ ErrorId = $null; Message = $null; Nodes = @(); Findings = @() }
            try {
                Import-Module -Name $Module
                $report = Test-GaleraCluster @cluster @direct
                $outcome.Nodes = @($report.Nodes.WsrepState)
                $outcome.Findings = @($report.Findings.Id)
            }
            catch {
                $outcome.ErrorId = $PSItem.FullyQualifiedErrorId
                $outcome.Message = "$PSItem"
            }

            $After -split ';' -ne '' | Import-Module
            $outcome.Loaded = @(
                foreach ($assembly in [AppDomain]::CurrentDomain.GetAssemblies().Where({ $PSItem.Location })) {
                    @{
                        Name    = $assembly.GetName().Name
                        Context = [System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext($assembly).Name
                        Path    = $assembly.Location
                    }
                })
            ConvertTo-Json -InputObject $outcome -Depth 4 -Compress
        })
        try {
            $lines[-1] | ConvertFrom-Json
        }
        catch {
            throw "The process did not come to its end: $lines"
        }
    }
}

AfterAll {
    Close-ApiStub -Stub $stub
}

Describe 'Other modules in the same process' -ForEach @{ Assemblies = $assemblies } {
    BeforeAll {
        # The pod of the stub answers no SQL; that the module can say so takes all of its packages.
        function Assert-Works ($Outcome) {
            $Outcome.ErrorId | Should -BeNullOrEmpty -Because $Outcome.Message
            $Outcome.Findings | Should -Contain 'SqlUnreachable'
            foreach ($name in 'KubernetesClient', 'MySqlConnector', 'YamlDotNet', 'Microsoft.Extensions.Logging.Abstractions') {
                $ours = $Outcome.Loaded.Where({ $PSItem.Name -eq $name -and $PSItem.Path.StartsWith($inside) })
                $ours | Should -HaveCount 1 -Because "$name is used"
                $ours.Context | Should -Be 'GaleraBackup'
            }
        }

        # The other module has its own, under the same name, where modules have theirs.
        function Assert-Beside ($Outcome, $Assembly, $Path) {
            $theirs = $Outcome.Loaded.Where({ $PSItem.Name -eq $Assembly -and $PSItem.Context -eq 'Default' })
            $theirs | Should -HaveCount 1
            $theirs.Path | Should -Be $Path
        }
    }

    It 'find nothing of the module in the default load context but its cmdlets and its records' {
        $outcome = Get-Outcome
        Assert-Works $outcome
        $outcome.Loaded.Where({ $PSItem.Context -eq 'Default' -and $PSItem.Path.StartsWith($inside) }).Name | Sort-Object |
            Should -Be 'GaleraBackup', 'GaleraBackup.Core'
    }

    It 'do no harm with a <Assembly> loaded before: <Version>' -ForEach $scenarios {
        $other = Get-OtherModule -Assembly $Assembly -Code $Code -Version $Version
        $outcome = Get-Outcome -Before $other
        Assert-Works $outcome
        Assert-Beside $outcome -Assembly $Assembly -Path $other
    }

    It 'do no harm with one of each loaded before: <Version>' -ForEach @{ Version = 'older' }, @{ Version = 'newer' } {
        $others = $Assemblies | ForEach-Object { Get-OtherModule -Assembly $PSItem.Assembly -Code $PSItem.Code -Version $Version }
        Assert-Works (Get-Outcome -Before $others)
    }

    It 'may load a <Assembly> of their own afterwards: <Version>' -ForEach $scenarios.Where({ $PSItem.Version -eq 'older' }) {
        $other = Get-OtherModule -Assembly $Assembly -Code $Code -Version $Version
        $outcome = Get-Outcome -After $other
        Assert-Works $outcome
        Assert-Beside $outcome -Assembly $Assembly -Path $other
    }

    It 'leave the module its own error where the API does not answer' {
        $others = $Assemblies | ForEach-Object { Get-OtherModule -Assembly $PSItem.Assembly -Code $PSItem.Code -Version older }
        (Get-Outcome -Before $others -Cluster @{ KubeConfig = $lonely }).ErrorId | Should -Be 'ApiUnreachable,GaleraBackup.Commands.TestGaleraClusterCommand'
    }

    It 'do harm with a <Assembly> to a module that keeps all assemblies in one folder: <Version>' -ForEach $scenarios.Where({ $PSItem.Version -eq 'older' }) {
        # The counter-proof: the scenarios above are hostile indeed.
        $naive = "$TestDrive/naive/GaleraBackup"
        if (-not (Test-Path -LiteralPath $naive)) {
            $null = New-Item -ItemType Directory -Path "$TestDrive/naive"
            Copy-Item -LiteralPath $module -Destination $naive -Recurse
            Move-Item -Path "$naive/bin/Dependencies/*" -Destination "$naive/bin"
        }

        $other = Get-OtherModule -Assembly $Assembly -Code $Code -Version $Version
        $outcome = Get-Outcome -Before $other -Module $naive
        $outcome.Findings | Should -Not -Contain 'SqlUnreachable'
        $outcome.ErrorId | Should -Not -BeNullOrEmpty
    }

    It 'do no harm on a real cluster: its three nodes are asked' -Tag Lab {
        $lab = Get-Lab
        $others = $Assemblies | ForEach-Object { Get-OtherModule -Assembly $PSItem.Assembly -Code $PSItem.Code -Version older }
        $outcome = Get-Outcome -Before $others -Cluster $lab
        $outcome.ErrorId | Should -BeNullOrEmpty -Because $outcome.Message
        $outcome.Nodes | Should -Be 'Synced', 'Synced', 'Synced'
    }
}
