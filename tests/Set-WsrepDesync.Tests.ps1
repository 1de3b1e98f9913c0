BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/Lab.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Set-WsrepDesync' {
    Context 'its parameters' {
        BeforeAll {
            $command = Get-Command -Name Set-WsrepDesync
        }

        It 'takes a replica or a run from the pipeline, or a pod by name' {
            $command.ParameterSets.Name | Sort-Object | Should -Be 'ByName', 'ByReplica', 'ByRun'
            $command.ParameterSets.Parameters.Where({ $PSItem.ValueFromPipeline }).Name | Sort-Object | Should -Be 'BackupRun', 'Replica'
            $command.ParameterSets.Where({ $PSItem.Name -eq 'ByName' }).Parameters.Where({ $PSItem.IsMandatory }).Name | Sort-Object | Should -Be 'Pod', 'State'
        }

        It 'wants On or Off first, and never takes it from the pipeline' {
            [enum]::GetNames($command.Parameters.State.ParameterType) | Should -Be 'On', 'Off'
            foreach ($set in $command.ParameterSets) {
                $state = $set.Parameters.Where({ $PSItem.Name -eq 'State' })
                $state.IsMandatory | Should -BeTrue
                $state.Position | Should -Be 0
                $state.ValueFromPipeline | Should -BeFalse
                $state.ValueFromPipelineByPropertyName | Should -BeFalse
            }
        }

        It 'does not take a piped object for the state' {
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath) -Script {
                param($Module)
                Import-Module -Name $Module
                try {
                    [pscustomobject]@{ State = 'On' }, 'On' | Set-WsrepDesync -ErrorAction Stop
                }
                catch {
                    $PSItem.FullyQualifiedErrorId
                }
            }
            "$lines" | Should -Match 'MissingMandatoryParameter|InputObjectNotBound'
        }

        It 'never asks a CronJob: ConfirmImpact is Medium' {
            $attribute = $command.ImplementingType.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
            $attribute.SupportsShouldProcess | Should -BeTrue
            $attribute.ConfirmImpact | Should -Be 'Medium'
        }

        It 'refuses a state that there is not' {
            (Get-CaughtError { Get-SampleReplica | Set-WsrepDesync Maybe }).FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgument*'
        }

        It 'does not take what Test-GaleraCluster emits: a replica is to be selected first' {
            (Get-CaughtError { Get-SampleCluster | Set-WsrepDesync On }).FullyQualifiedErrorId | Should -BeLike 'InputObjectMissingMandatory,*'
        }
    }

    Context 'its time limits' {
        It 'takes -<Name> <Value>' -ForEach @(
            foreach ($name in 'DesyncTimeout', 'DrainTimeout', 'ResyncTimeout') {
                foreach ($value in '7d', '12h', '90m', '30s', '300', 300, 0.5, '1.5h', '00:05:00', [TimeSpan]::FromMinutes(5)) {
                    @{ Name = $name; Value = $value }
                }
            }
        ) {
            # It got past the parameters when it asks for the cluster.
            $limit = @{ $Name = $Value }
            $replica = Get-SampleReplica -KubeConfig "$TestDrive/nowhere"
            (Get-CaughtError { $replica | Set-WsrepDesync Off @limit }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
        }

        It 'reads <Value> as <Expected>' -ForEach @(
            @{ Value = '7d'; Expected = '7.00:00:00' }
            @{ Value = '12h'; Expected = '12:00:00' }
            @{ Value = '90m'; Expected = '01:30:00' }
            @{ Value = '30s'; Expected = '00:00:30' }
            @{ Value = '30S'; Expected = '00:00:30' }
            @{ Value = '1.5h'; Expected = '01:30:00' }
            @{ Value = '300'; Expected = '00:05:00' }
            @{ Value = 300; Expected = '00:05:00' }
            @{ Value = 0.5; Expected = '00:00:00.5000000' }
            @{ Value = '00:05:00'; Expected = '00:05:00' }
            @{ Value = [TimeSpan]::FromMinutes(5); Expected = '00:05:00' }
        ) {
            [GaleraBackup.Binding.DurationAttribute]::new().Transform($ExecutionContext, $Value) | Should -Be ([TimeSpan]::Parse($Expected))
        }

        It 'refuses <Value> and says what a duration looks like' -ForEach @(
            @{ Value = 'soon' }, @{ Value = '5 minutes' }, @{ Value = '5w' }, @{ Value = 'd' }, @{ Value = '' }, @{ Value = '1e3s' }, @{ Value = '1,5h' }
        ) {
            $caught = Get-CaughtError { Get-SampleReplica | Set-WsrepDesync Off -ResyncTimeout $Value }
            $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentTransformationError,*'
            "$caught" | Should -Match 'is no duration.*30s, 90m, 12h, 7d'
        }

        It 'refuses <Value>: nobody can wait that long' -ForEach @(
            @{ Value = 0 }, @{ Value = -5 }, @{ Value = '-5' }, @{ Value = '-00:05:00' }, @{ Value = [TimeSpan]::Zero }, @{ Value = '50d' }, @{ Value = [TimeSpan]::MaxValue }
            @{ Value = '99999999999d' }, @{ Value = [double]::NaN }
        ) {
            $caught = Get-CaughtError { Get-SampleReplica | Set-WsrepDesync Off -DesyncTimeout $Value }
            $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgument*Error,*'
        }
    }

    Context 'Off' {
        It 'asks the server, whatever the object remembers: <Name>' -ForEach @(
            @{ Name = 'not desynced'; Desynced = $false }
            @{ Name = 'desynced by another'; Desynced = $true }
        ) {
            $scope = @{ Via = 'Direct'; Credential = [GaleraBackup.SqlLogin]::new('root', 'none') }
            $replica = Get-SampleReplica -Desynced:$Desynced -KubeConfig (Add-KubeConfig -Path 'TestDrive:/config') -Scope $scope
            $caught = Get-CaughtError { $replica | Set-WsrepDesync Off }
            $caught.FullyQualifiedErrorId | Should -Be 'SqlUnreachable,GaleraBackup.Commands.SetWsrepDesyncCommand'
            "$caught" | Should -Match 'mariadb-server-2'
        }

        It 'goes on with the next replica after one that cannot be put back' {
            $config = Add-KubeConfig -Path 'TestDrive:/config'
            $replicas = (Get-SampleReplica -KubeConfig "$TestDrive/nowhere"), (Get-SampleReplica -KubeConfig $config)
            $replicas | Set-WsrepDesync Off -ErrorVariable errors -ErrorAction SilentlyContinue
            $errors.FullyQualifiedErrorId | Should -Be @(
                'KubeConfigNotFound,GaleraBackup.Commands.SetWsrepDesyncCommand', 'CredentialUnknown,GaleraBackup.Commands.SetWsrepDesyncCommand')
        }

        It 'emits no replica that was not put back' {
            $replica = Get-SampleReplica -KubeConfig "$TestDrive/nowhere"
            $replica | Set-WsrepDesync Off -PassThru -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        }

        It 'asks the cluster with -Force' {
            $replica = Get-SampleReplica -Desynced -KubeConfig "$TestDrive/nowhere"
            (Get-CaughtError { $replica | Set-WsrepDesync Off -Force }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
        }

        It 'hands on a run whose resync failed, with the truth about it: <Name>' -ForEach @(
            @{ Name = 'Off'; Options = @{} }
            @{ Name = 'Off -Force'; Options = @{ Force = $true } }
        ) {
            $run = Get-SampleRun -Desynced -KubeConfig "$TestDrive/nowhere"
            $after = $run | Set-WsrepDesync Off @Options -PassThru -ErrorVariable errors -ErrorAction SilentlyContinue
            $after.Backup | Should -Be 'Succeeded'
            $after.Resync | Should -Be 'Failed'
            $errors[0].FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
        }
    }

    Context 'On' {
        It 'asks the cluster that the replica carries' {
            $replica = Get-SampleReplica -KubeConfig "$TestDrive/nowhere"
            (Get-CaughtError { $replica | Set-WsrepDesync On }).FullyQualifiedErrorId |
                Should -Be 'KubeConfigNotFound,GaleraBackup.Commands.SetWsrepDesyncCommand'
        }

        It 'with -WhatIf shows the statement and asks nothing' {
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $PSScriptRoot -Script {
                param($Module, $Tests)
                Import-Module -Name $Module, $Tests/Pester/GaleraBackup.Testing.psm1
                Get-SampleReplica | Set-WsrepDesync On -PassThru -WhatIf
                Get-SampleRun -Desynced | Set-WsrepDesync Off -PassThru -WhatIf
            }
            $lines | Should -HaveCount 2
            $lines[0] | Should -Match 'SET GLOBAL wsrep_desync=ON.*openstack/mariadb-server-2'
            $lines[1] | Should -Match 'SET GLOBAL wsrep_desync=OFF.*openstack/mariadb-server-2'
        }
    }

    Context 'a real cluster' -Tag Lab {
        AfterEach {
            Wait-WholeLab | Should -BeNullOrEmpty
        }

        It 'says that a pod is not there, and which are' {
            $lab = Get-Lab
            $caught = Get-CaughtError { Set-WsrepDesync Off @lab -Pod mariadb-server-7 }
            $caught.FullyQualifiedErrorId | Should -BeLike 'PodNotFound,*'
            $caught.CategoryInfo.Category | Should -Be 'ObjectNotFound'
            $caught.ErrorDetails.RecommendedAction | Should -Match 'mariadb-server-0, mariadb-server-1, mariadb-server-2'
        }

        It 'puts the replica back when the process is told to end while another step of the pipeline runs' {
            $lab = Get-Lab
            $process = Start-DesyncedPwsh
            try {
                (Test-GaleraCluster @lab).Nodes[-1].WsrepState | Should -Be 'Donor/Desynced'

                kill -TERM $process.Id
                $process.WaitForExit(30000) | Should -BeTrue

                $process.ExitCode | Should -Be 143
                (Test-GaleraCluster @lab).Nodes[-1].WsrepState | Should -Be 'Synced'
            }
            finally {
                $process.Kill()
                $process.Dispose()
                if ((Test-GaleraCluster @lab).Nodes[-1].Wsrep.Desync) {
                    Set-WsrepDesync Off @lab -Pod mariadb-server-2 -Force -WarningAction SilentlyContinue
                }
            }
        }

        It 'Off does nothing to a replica that is not desynced, and says so' {
            $lab = Get-Lab
            $said = Set-WsrepDesync Off @lab -Pod mariadb-server-2 -Verbose 4>&1
            "$said" | Should -Match 'nothing to undo'
        }

        It 'Off hands such a replica on with -PassThru' {
            $lab = Get-Lab
            $back = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync Off -PassThru
            $back | Should -BeOfType GaleraBackup.BackupReplica
            $back.Pod | Should -Be 'mariadb-server-2'
            $back.Node.WsrepState | Should -Be 'Synced'
        }

        It 'Off leaves alone what another session made, and says how to undo it all the same' {
            $lab = Get-Lab
            $replica = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync On -PassThru
            try {
                $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $lab.KubeConfig, $lab.Namespace -Script {
                    param($Module, $KubeConfig, $Namespace)
                    Import-Module -Name $Module
                    Set-WsrepDesync Off -KubeConfig $KubeConfig -Namespace $Namespace -Pod mariadb-server-2 -ErrorVariable errors -ErrorAction SilentlyContinue
                    $errors[0].FullyQualifiedErrorId
                    "$($errors[0].CategoryInfo.Category)"
                    $errors[0].TargetObject.GetType().FullName
                    $errors[0].ErrorDetails.RecommendedAction
                }
                $lines[0] | Should -Be 'NotOurDesync,GaleraBackup.Commands.SetWsrepDesyncCommand'
                $lines[1] | Should -Be 'InvalidOperation'
                $lines[2] | Should -Be 'GaleraBackup.BackupReplica'
                $lines[3] | Should -Match '-Force'
                (Test-GaleraCluster @lab).Nodes[-1].WsrepState | Should -Be 'Donor/Desynced'
            }
            finally {
                $replica | Set-WsrepDesync Off
            }
        }

        It 'Off finds the session of this process from an object that is older than it' {
            $lab = Get-Lab
            $old = Test-GaleraCluster @lab | Select-BackupReplica
            $old | Set-WsrepDesync On
            try {
                ($old | Set-WsrepDesync Off -PassThru).Desync.SyncedAt | Should -Not -BeNullOrEmpty
            }
            finally {
                $old | Set-WsrepDesync Off
            }
        }

        It 'On leaves a second node alone while another is desynced; with -Force it takes it out, and says what it overruled' {
            $lab = Get-Lab
            $process = Start-DesyncedPwsh
            $process.Kill()
            $process.WaitForExit()
            try {
                $caught = Get-CaughtError { Set-WsrepDesync On @lab -Pod mariadb-server-1 -WarningAction SilentlyContinue }
                $caught.FullyQualifiedErrorId | Should -BeLike 'OtherNodeDesynced,*'
                "$caught" | Should -Match 'mariadb-server-2'
                (Test-GaleraCluster @lab).Nodes[1].WsrepState | Should -Be 'Synced'

                $replica = Set-WsrepDesync On @lab -Pod mariadb-server-1 -Force -PassThru -WarningVariable warned -WarningAction SilentlyContinue
                $replica.Unsafe | Should -BeTrue
                "$warned" | Should -Match 'mariadb-server-2.*is desynced already'
                (Test-GaleraCluster @lab).Nodes[1].WsrepState | Should -Be 'Donor/Desynced'
            }
            finally {
                'mariadb-server-1', 'mariadb-server-2' | ForEach-Object {
                    Set-WsrepDesync Off @lab -Pod $PSItem -Force -WarningAction SilentlyContinue
                }
                $process.Dispose()
            }
        }

        It 'takes a replica out and puts it back' {
            $lab = Get-Lab
            $replica = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync On -PassThru
            try {
                $replica.Desync.DesyncedAt | Should -Not -BeNullOrEmpty
                $node = (Test-GaleraCluster @lab).Nodes[-1]
                $node.WsrepState | Should -Be 'Donor/Desynced'
                $node.Ready | Should -BeFalse
            }
            finally {
                $back = $replica | Set-WsrepDesync Off -PassThru
            }

            $back.Desync.SyncedAt | Should -BeGreaterThan $replica.Desync.DesyncedAt
            (Test-GaleraCluster @lab).IsSafe | Should -BeTrue
        }
    }
}
