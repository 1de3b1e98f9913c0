BeforeDiscovery {
    # Of ClusterCmdlet: the same wherever a cluster can be named.
    $ofACluster = 'Test-GaleraCluster', 'Set-WsrepDesync', 'Get-GaleraBackup', 'Set-GaleraBackup', 'Remove-OldBackup', 'Invoke-GaleraBackup'
    $clusterParameters = foreach ($command in $ofACluster) {
        foreach ($name in 'Namespace', 'StatefulSet', 'KubeConfig', 'Context') {
            @{ Command = $command; Name = $name }
        }
    }
}

BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/ApiStub.psm1 -Force
    Import-Module -Name (Get-ModulePath)

    $port = Get-ClosedPort
    $config = Add-KubeConfig -Path 'TestDrive:/stub' -Port $port
    $stub = Open-ApiStub -Port $port

    # What a cmdlet asks if it was not told of the cluster. Nothing here may ever get there.
    $kubeConfigBefore = $env:KUBECONFIG
    $env:KUBECONFIG = "$TestDrive/nobody-was-told"

    # What each cmdlet wants besides the cluster.
    $more = @{
        'Test-GaleraCluster'  = @{}
        'Set-WsrepDesync'     = @{ State = 'Off'; Pod = 'mariadb-server-0' }
        'Get-GaleraBackup'    = @{}
        'Set-GaleraBackup'    = @{ Id = 'base/2026-01-01_01-00-00'; Keep = $true }
        'Remove-OldBackup'    = @{ KeepLast = 1 }
        'Invoke-GaleraBackup' = @{}
    }

    # A parameter's attributes in all sets that have it.
    function Get-ParameterAttribute ([string] $Command, [string] $Name) {
        (Get-Command -Name $Command).Parameters[$Name].Attributes.Where({ $PSItem -is [Parameter] })
    }
}

AfterAll {
    $env:KUBECONFIG = $kubeConfigBefore
    Close-ApiStub -Stub $stub
}

Describe 'Parameters' {
    It '-<Name> of <Command> is a <Type>' -ForEach @(
        foreach ($command in $ofACluster) {
            @{ Command = $command; Name = 'CredentialSecret'; Type = 'GaleraBackup.LoginReference' }
            @{ Command = $command; Name = 'SslMode'; Type = 'GaleraBackup.DatabaseSslMode' }
            @{ Command = $command; Name = 'SslCa'; Type = 'System.String' }
        }
        foreach ($command in 'Start-BackupRunner', 'Invoke-GaleraBackup') {
            @{ Command = $command; Name = 'BackupCredential'; Type = 'System.Management.Automation.PSCredential' }
            @{ Command = $command; Name = 'BackupCredentialSecret'; Type = 'GaleraBackup.LoginReference' }
            @{ Command = $command; Name = 'RunnerStartTimeout'; Type = 'System.TimeSpan' }
        }
        foreach ($command in 'Set-WsrepDesync', 'Invoke-GaleraBackup') {
            @{ Command = $command; Name = 'DrainTimeout'; Type = 'System.TimeSpan' }
            @{ Command = $command; Name = 'OnDrainTimeout'; Type = 'GaleraBackup.Workflow.DrainTimeoutAction' }
            @{ Command = $command; Name = 'RequireNotReady'; Type = 'System.Management.Automation.SwitchParameter' }
        }
    ) {
        (Get-Command -Name $Command).Parameters[$Name].ParameterType.FullName | Should -Be $Type
    }

    It '-<Name> of <Command> is <Expected> unless said otherwise' -ForEach @(
        foreach ($command in 'Set-WsrepDesync', 'Invoke-GaleraBackup') {
            @{ Command = $command; Name = 'DrainTimeout'; Expected = [TimeSpan]::FromHours(1) }
            @{ Command = $command; Name = 'OnDrainTimeout'; Expected = 'StayDesynced' }
            @{ Command = $command; Name = 'RequireNotReady'; Expected = $false }
        }
        foreach ($command in 'Start-BackupRunner', 'Invoke-GaleraBackup') {
            @{ Command = $command; Name = 'RunnerStartTimeout'; Expected = [TimeSpan]::FromMinutes(5) }
            @{ Command = $command; Name = 'BackupCredentialSecret'; Expected = $null }
        }
        foreach ($command in $ofACluster) {
            @{ Command = $command; Name = 'Via'; Expected = 'Auto' }
            @{ Command = $command; Name = 'SslMode'; Expected = 'Preferred' }
            @{ Command = $command; Name = 'SslCa'; Expected = $null }
            @{ Command = $command; Name = 'CredentialSecret'; Expected = $null }
        }
    ) {
        $cmdlet = (Get-Command -Name $Command).ImplementingType::new()
        $cmdlet.$Name | Should -Be $Expected
        $cmdlet.Dispose()
    }

    It 'of <Command> need their names, but for: <Expected>' -ForEach @(
        @{ Command = 'Test-GaleraCluster'; Expected = @() }
        @{ Command = 'Select-BackupReplica'; Expected = @('Cluster') }
        @{ Command = 'Set-WsrepDesync'; Expected = @('State') }
        @{ Command = 'Start-BackupRunner'; Expected = @('Replica') }
        @{ Command = 'Get-GaleraBackup'; Expected = @('Id') }
        @{ Command = 'Set-GaleraBackup'; Expected = @('Id') }
        @{ Command = 'Remove-OldBackup'; Expected = @() }
        @{ Command = 'Invoke-GaleraBackup'; Expected = @() }
    ) {
        @((Get-Command -Name $Command).ParameterSets.Parameters.Where({ $PSItem.Position -ge 0 }).Name | Select-Object -Unique) | Should -Be $Expected
    }

    It '-<Name> of <Command> refuses <Value>' -ForEach @(
        foreach ($value in 0, -1, 'soon', '50d') {
            @{ Command = 'Start-BackupRunner'; Name = 'RunnerStartTimeout'; Value = $value }
            @{ Command = 'Invoke-GaleraBackup'; Name = 'RunnerStartTimeout'; Value = $value }
            @{ Command = 'Set-WsrepDesync'; Name = 'DrainTimeout'; Value = $value }
            @{ Command = 'Invoke-GaleraBackup'; Name = 'DrainTimeout'; Value = $value }
        }
    ) {
        $arguments = @{ $Name = $Value }
        if ($Command -eq 'Set-WsrepDesync') {
            $arguments.State = 'Off'
        }

        $caught = Get-CaughtError { Get-SampleReplica | & $Command @arguments }
        $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgument*Error,*'
        "$caught" | Should -Match $Name
    }

    It '-<Name> <Value> is refused with what there is: <Expected>' -ForEach @(
        @{ Command = 'Set-WsrepDesync'; Name = 'OnDrainTimeout'; Value = 'Wait'; Expected = 'StayDesynced, Force' }
        @{ Command = 'Invoke-GaleraBackup'; Name = 'OnDrainTimeout'; Value = 'Wait'; Expected = 'StayDesynced, Force' }
        @{ Command = 'Test-GaleraCluster'; Name = 'SslMode'; Value = 'Tls'; Expected = 'Preferred, Disabled, Required, VerifyCA, VerifyFull' }
    ) {
        $arguments = $more[$Command] + @{ $Name = $Value }
        $caught = Get-CaughtError { & $Command @arguments }
        $caught.FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgument*'
        "$caught" | Should -Match $Expected
    }

    Context 'a login in a Secret' {
        It 'is written as <Text>' -ForEach @(
            @{ Text = 'dba'; UserName = $null; Secret = 'dba'; Key = 'password' }
            @{ Text = 'root@dba'; UserName = 'root'; Secret = 'dba'; Key = 'password' }
            @{ Text = 'root@dba/MYSQL_ROOT_PASSWORD'; UserName = 'root'; Secret = 'dba'; Key = 'MYSQL_ROOT_PASSWORD' }
            @{ Text = 'dba/pass'; UserName = $null; Secret = 'dba'; Key = 'pass' }
            @{ Text = 'root@mail@dba'; UserName = 'root@mail'; Secret = 'dba'; Key = 'password' }
        ) {
            $login = [GaleraBackup.LoginReference] $Text
            $login.UserName | Should -Be $UserName
            $login.PasswordSecret.Name | Should -Be $Secret
            $login.PasswordSecret.Key | Should -Be $Key
            if (-not $UserName) {
                $login.UserNameSecret.Name | Should -Be $Secret
                $login.UserNameSecret.Key | Should -Be 'username'
            }
        }

        It 'is refused as <Text> for -<Name>, with how to write it' -ForEach @(
            foreach ($text in '', '@dba', 'root@', 'root@/key', 'dba/', 'dba/a/b', ' ') {
                @{ Command = 'Test-GaleraCluster'; Name = 'CredentialSecret'; Text = $text }
                @{ Command = 'Invoke-GaleraBackup'; Name = 'BackupCredentialSecret'; Text = $text }
            }
        ) {
            $arguments = @{ $Name = $Text }
            $caught = Get-CaughtError { & $Command @arguments }
            $caught.FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgument*'
            "$caught" | Should -Match "$Name.*\[USER@\]SECRET\[/KEY\]"
        }

        It 'may not be $null' {
            (Get-CaughtError { Test-GaleraCluster -CredentialSecret $null }).FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        }

        It 'goes on with the objects of the pipeline' {
            $cluster = Test-GaleraCluster -KubeConfig $config -CredentialSecret root@dba/key
            "$($cluster.Scope.CredentialSecret.UserName) $($cluster.Scope.CredentialSecret.PasswordSecret.Key)" | Should -Be 'root key'
        }
    }

    Context '-SslCa' {
        BeforeAll {
            $key = [System.Security.Cryptography.ECDsa]::Create()
            $request = [System.Security.Cryptography.X509Certificates.CertificateRequest]::new('CN=authority', $key, 'SHA256')
            $pem = $request.CreateSelfSigned([DateTimeOffset]::UtcNow.AddDays(-1), [DateTimeOffset]::UtcNow.AddDays(1)).ExportCertificatePem()
        }

        It 'is refused by <Command>, with the file''s name: <Name>' -ForEach @(
            foreach ($command in $ofACluster) {
                @{ Command = $command; Name = 'it is not there'; Text = $null }
                @{ Command = $command; Name = 'it holds no certificate'; Text = 'ssl-ca=/etc/mysql/ca.pem' }
                @{ Command = $command; Name = 'its certificate is broken'; Text = "-----BEGIN CERTIFICATE-----`nAAAA`n-----END CERTIFICATE-----" }
                @{ Command = $command; Name = 'it is empty'; Text = '' }
            }
        ) {
            $path = "$TestDrive/$([guid]::NewGuid()).pem"
            if ($null -ne $Text) {
                Set-Content -LiteralPath $path -Value $Text
            }

            $arguments = $more[$Command]
            $caught = Get-CaughtError { & $Command @arguments -KubeConfig $config -SslCa $path }
            $caught.FullyQualifiedErrorId | Should -BeLike 'SslCaInvalid,*'
            $caught.CategoryInfo.Category | Should -Be 'InvalidOperation'
            $caught.ErrorDetails.RecommendedAction | Should -Match 'PEM'
            "$caught" | Should -Match ([regex]::Escape($path))
        }

        It 'is refused where it is a folder, or on no file system' {
            (Get-CaughtError { Test-GaleraCluster -SslCa $TestDrive }).FullyQualifiedErrorId | Should -BeLike 'SslCaInvalid,*'
            (Get-CaughtError { Test-GaleraCluster -SslCa Env:/HOME }).FullyQualifiedErrorId | Should -BeLike 'NotAFileSystemPath,*'
        }

        It 'may be relative to $PWD and hold more than one certificate; the objects of the pipeline carry its text' {
            Set-Content -LiteralPath "$TestDrive/ca.pem" -Value "$pem`n$pem"
            Push-Location -LiteralPath $TestDrive
            try {
                $cluster = Test-GaleraCluster -KubeConfig $config -SslCa ./ca.pem -SslMode VerifyCA
            }
            finally {
                Pop-Location
            }

            [regex]::Matches($cluster.Scope.SslCa, 'BEGIN CERTIFICATE') | Should -HaveCount 2
            $cluster.Scope.SslMode | Should -Be 'VerifyCA'
        }
    }
}

Describe 'Rows of a table' {
    It 'name the cluster for <Command>: -<Name>' -ForEach $clusterParameters {
        $attributes = Get-ParameterAttribute -Command $Command -Name $Name
        $attributes.ValueFromPipelineByPropertyName | Should -BeTrue
        $attributes.ValueFromPipeline | Should -Not -Contain $true
    }

    It '-<Name> of <Command> can come from them' -ForEach @(
        @{ Command = 'Set-WsrepDesync'; Name = 'Pod' }
        @{ Command = 'Remove-OldBackup'; Name = 'BackupClaim' }
        @{ Command = 'Remove-OldBackup'; Name = 'BackupPath' }
        @{ Command = 'Remove-OldBackup'; Name = 'Path' }
        @{ Command = 'Invoke-GaleraBackup'; Name = 'BackupClaim' }
        @{ Command = 'Invoke-GaleraBackup'; Name = 'BackupPath' }
    ) {
        (Get-ParameterAttribute -Command $Command -Name $Name).ValueFromPipelineByPropertyName | Should -Not -Contain $false
    }

    It 'never say which way Set-WsrepDesync goes, how many backups stay, or that something is forced: -<Name>' -ForEach @(
        @{ Command = 'Set-WsrepDesync'; Name = 'State' }
        @{ Command = 'Set-WsrepDesync'; Name = 'Force' }
        @{ Command = 'Remove-OldBackup'; Name = 'KeepLast' }
        @{ Command = 'Invoke-GaleraBackup'; Name = 'KeepLast' }
        @{ Command = 'Invoke-GaleraBackup'; Name = 'AllowUnsafeBackup' }
        @{ Command = 'Select-BackupReplica'; Name = 'AllowUnsafeBackup' }
    ) {
        foreach ($attribute in Get-ParameterAttribute -Command $Command -Name $Name) {
            $attribute.ValueFromPipeline | Should -BeFalse
            $attribute.ValueFromPipelineByPropertyName | Should -BeFalse
        }
    }

    It 'with a State are refused where none is written' {
        $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $config -Script {
            param($Module, $KubeConfig)
            Import-Module -Name $Module
            try {
                [pscustomobject]@{ State = 'On'; Pod = 'mariadb-server-0'; KubeConfig = $KubeConfig } | Set-WsrepDesync -ErrorAction Stop
            }
            catch {
                $PSItem.FullyQualifiedErrorId
            }
        }
        $lines | Should -Be 'MissingMandatoryParameter,GaleraBackup.Commands.SetWsrepDesyncCommand'
    }

    It 'lead <Command> to the cluster that they name' -ForEach $ofACluster.ForEach({ @{ Command = $PSItem } }) {
        $arguments = $more[$Command]
        $row = [pscustomobject]@{ Namespace = 'openstack'; StatefulSet = 'nosuch'; KubeConfig = $config; Context = 'lonely' }
        $caught = Get-CaughtError { $row | & $Command @arguments }
        $caught.FullyQualifiedErrorId | Should -BeLike 'ClusterNotFound,*'
        "$caught" | Should -Match "'openstack' has no StatefulSet 'nosuch'"

        $row.Context = 'production'
        $caught = Get-CaughtError { $row | & $Command @arguments }
        $caught.FullyQualifiedErrorId | Should -BeLike 'ContextNotFound,*'
        "$caught" | Should -Match 'production'

        $row.KubeConfig = "$TestDrive/nowhere"
        "$(Get-CaughtError { $row | & $Command @arguments })" | Should -Match ([regex]::Escape("$TestDrive/nowhere"))
    }

    It 'of a CSV file are clusters, one a line, each with its own' {
        Set-Content -LiteralPath "$TestDrive/clusters.csv" -Value @"
Namespace,KubeConfig,Context,Owner
openstack,$config,lonely,cloud
billing,$config,lonely,finance
"@
        $clusters = Import-Csv -LiteralPath "$TestDrive/clusters.csv" | Test-GaleraCluster -StatefulSet mariadb-server
        $clusters.Namespace | Should -Be 'openstack', 'billing'
        $clusters.Scope.Context | Should -Be 'lonely', 'lonely'
    }

    It 'leave nothing to the next row' {
        $clusters = [pscustomobject]@{ Namespace = 'billing' }, [pscustomobject]@{ StatefulSet = 'mariadb-server' } | Test-GaleraCluster -KubeConfig $config
        $clusters.Namespace | Should -Be 'billing', 'openstack'
    }

    It 'name a pod for Set-WsrepDesync' {
        Set-Content -LiteralPath "$TestDrive/pods.csv" -Value @"
Namespace,Pod,KubeConfig
openstack,mariadb-server-7,$config
"@
        $caught = Get-CaughtError { Import-Csv -LiteralPath "$TestDrive/pods.csv" | Set-WsrepDesync Off }
        $caught.FullyQualifiedErrorId | Should -BeLike 'PodNotFound,*'
        "$caught" | Should -Match "openstack/mariadb-server has no pod 'mariadb-server-7'"
    }

    It 'name a claim for Remove-OldBackup' {
        $caught = Get-CaughtError { [pscustomobject]@{ BackupClaim = 'nightly'; KubeConfig = $config } | Remove-OldBackup -KeepLast 1 }
        $caught.FullyQualifiedErrorId | Should -BeLike 'ClaimNotFound,*'
        "$caught" | Should -Match 'nightly'
    }

    It 'name a folder on a claim for <Command>, and a bad one is refused' -ForEach @(@{ Command = 'Remove-OldBackup' }, @{ Command = 'Invoke-GaleraBackup' }) {
        $arguments = $more[$Command]
        $caught = Get-CaughtError { [pscustomobject]@{ BackupPath = '../other'; KubeConfig = $config } | & $Command @arguments }
        $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        "$caught" | Should -Match "BackupPath.*'\.\./other'"
    }

    It 'name a claim for Invoke-GaleraBackup, and an empty name is refused' {
        $caught = Get-CaughtError { [pscustomobject]@{ BackupClaim = ''; KubeConfig = $config } | Invoke-GaleraBackup }
        $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        "$caught" | Should -Match 'BackupClaim'
    }

    It 'name mounted folders for Remove-OldBackup' {
        $roots = foreach ($name in 'a', 'b') {
            'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00' | Add-SampleBackup -Root "$TestDrive/$name"
            "$TestDrive/$name"
        }
        Set-Content -LiteralPath "$TestDrive/folders.csv" -Value (@('Path') + $roots)
        $gone = Import-Csv -LiteralPath "$TestDrive/folders.csv" | Remove-OldBackup -KeepLast 1
        $gone.Location | Should -Be $roots
        $gone.BackupId | Should -Be 'base/2026-01-01_01-00-00', 'base/2026-01-01_01-00-00'
    }
}

Describe 'An object of ours' {
    BeforeAll {
        # Only what binds the object as such asks for this file.
        $told = "$TestDrive/told-by-the-object"
        $objects = @{
            Cluster = Get-SampleCluster -KubeConfig $told
            Replica = Get-SampleReplica -Desynced -KubeConfig $told
            Node    = (Get-SampleCluster -KubeConfig $told).Nodes[2]
            Run     = Get-SampleRun -Desynced -KubeConfig $told
        }
    }

    It 'tells the next cmdlet all that it knows: <Object> | <Command> <Options.State>' -ForEach @(
        @{ Object = 'Cluster'; Command = 'Test-GaleraCluster'; Options = @{} }
        @{ Object = 'Cluster'; Command = 'Invoke-GaleraBackup'; Options = @{} }
        @{ Object = 'Cluster'; Command = 'Remove-OldBackup'; Options = @{ KeepLast = 1 } }
        @{ Object = 'Cluster'; Command = 'Set-WsrepDesync'; Options = @{ State = 'On'; Pod = 'mariadb-server-2' } }
        @{ Object = 'Node'; Command = 'Set-WsrepDesync'; Options = @{ State = 'On' } }
        @{ Object = 'Node'; Command = 'Set-WsrepDesync'; Options = @{ State = 'Off' } }
        @{ Object = 'Replica'; Command = 'Test-GaleraCluster'; Options = @{} }
        @{ Object = 'Replica'; Command = 'Invoke-GaleraBackup'; Options = @{} }
        @{ Object = 'Replica'; Command = 'Remove-OldBackup'; Options = @{ KeepLast = 1 } }
        @{ Object = 'Replica'; Command = 'Set-WsrepDesync'; Options = @{ State = 'On' } }
        @{ Object = 'Replica'; Command = 'Set-WsrepDesync'; Options = @{ State = 'Off' } }
        @{ Object = 'Run'; Command = 'Test-GaleraCluster'; Options = @{} }
        @{ Object = 'Run'; Command = 'Invoke-GaleraBackup'; Options = @{} }
        @{ Object = 'Replica'; Command = 'Start-BackupRunner'; Options = @{} }
        @{ Object = 'Run'; Command = 'Set-WsrepDesync'; Options = @{ State = 'Off' } }
        @{ Object = 'Run'; Command = 'Remove-OldBackup'; Options = @{ KeepLast = 1 } }
    ) {
        $piped = $objects[$Object]
        $caught = Get-CaughtError { $piped | & $Command @Options }
        $caught.FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
        "$caught" | Should -Match ([regex]::Escape($told))
    }

    It 'tells it by parameter too: <Object> of <Command>' -ForEach @(
        @{ Object = 'Replica'; Command = 'Set-WsrepDesync'; Name = 'Replica'; Options = @{ State = 'On' } }
        @{ Object = 'Run'; Command = 'Set-WsrepDesync'; Name = 'BackupRun'; Options = @{ State = 'Off' } }
        @{ Object = 'Run'; Command = 'Remove-OldBackup'; Name = 'BackupRun'; Options = @{ KeepLast = 1 } }
    ) {
        $arguments = $Options + @{ $Name = $objects[$Object] }
        "$(Get-CaughtError { & $Command @arguments })" | Should -Match ([regex]::Escape($told))
    }

    It 'is the one that Select-BackupReplica chooses from' {
        [object]::ReferenceEquals(($objects.Cluster | Select-BackupReplica).Cluster, $objects.Cluster) | Should -BeTrue
    }

    It 'that was deserialised is refused, not taken apart: <Object> | <Command>' -ForEach @(
        @{ Object = 'Replica'; Command = 'Start-BackupRunner'; Options = @{} }
        @{ Object = 'Cluster'; Command = 'Select-BackupReplica'; Options = @{} }
    ) {
        $text = [System.Management.Automation.PSSerializer]::Serialize($objects[$Object], 2)
        $dead = [System.Management.Automation.PSSerializer]::Deserialize($text)
        (Get-CaughtError { $dead | & $Command @Options }).FullyQualifiedErrorId | Should -BeLike 'InputObjectNotBound,*'
    }

    It 'that was checked before is checked anew, by what it carries' {
        $first = Test-GaleraCluster -KubeConfig $config -Namespace billing -CredentialSecret root@dba
        $again = $first | Test-GaleraCluster
        $again.CheckedAt | Should -BeGreaterThan $first.CheckedAt
        $again.Scope | Should -Be $first.Scope
        $first | Test-GaleraCluster -Quiet | Should -BeExactly $false
    }

    It 'gives way to what is typed beside it: <Command>' -ForEach @(@{ Command = 'Test-GaleraCluster' }, @{ Command = 'Invoke-GaleraBackup' }) {
        $cluster = $objects.Cluster
        $caught = Get-CaughtError { $cluster | & $Command -KubeConfig "$TestDrive/typed" }
        "$caught" | Should -Match ([regex]::Escape("$TestDrive/typed"))
    }

    It 'that does not know its cluster is refused: <_>' -ForEach 'HealthFinding', 'ReplicaCandidate' {
        $piped = if ($PSItem -eq 'HealthFinding') {
            [GaleraBackup.HealthFinding]::new('NodeNotSynced', 'Error', 'mariadb-server-2', 'It is not.')
        } else {
            [GaleraBackup.ReplicaCandidate]::new('mariadb-server-2', 2, $false, 'It is not.')
        }
        (Get-CaughtError { $piped | Set-WsrepDesync Off }).FullyQualifiedErrorId | Should -BeLike 'ClusterNotNamed,*'
    }
}
