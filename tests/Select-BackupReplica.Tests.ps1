BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Select-BackupReplica' {
    Context 'its parameters' {
        It 'takes the report from the pipeline or as the first argument' {
            $parameter = (Get-Command -Name Select-BackupReplica).Parameters.Cluster
            $parameter.ParameterType | Should -Be ([GaleraBackup.GaleraCluster])
            $parameter.Attributes.Where({ $PSItem -is [Parameter] }) | ForEach-Object {
                $PSItem.Mandatory | Should -BeTrue
                $PSItem.ValueFromPipeline | Should -BeTrue
                $PSItem.Position | Should -Be 0
            }
        }

        It 'has no -WhatIf, for it changes nothing' {
            (Get-Command -Name Select-BackupReplica).Parameters.Keys | Should -Not -Contain 'WhatIf'
        }

        It 'says that it emits a BackupReplica' {
            (Get-Command -Name Select-BackupReplica).OutputType.Type | Should -Be ([GaleraBackup.BackupReplica])
        }

        It 'refuses what is no report' {
            $caught = Get-CaughtError { Select-BackupReplica -Cluster 'mariadb-server' }
            $caught.FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgument*'
        }
    }

    Context 'a safe cluster' {
        It 'selects the highest ordinal, as a number: <Expected> of <Ordinal>' -ForEach @(
            @{ Ordinal = 0, 1, 2; Expected = 'mariadb-server-2' }
            @{ Ordinal = 9, 10, 2; Expected = 'mariadb-server-10' }
            @{ Ordinal = 0, 100, 99; Expected = 'mariadb-server-100' }
        ) {
            $replica = Get-SampleCluster -Ordinal $Ordinal | Select-BackupReplica
            $replica | Should -BeOfType GaleraBackup.BackupReplica
            $replica.Pod | Should -Be $Expected
            $replica.Unsafe | Should -BeFalse
            $replica.Desync | Should -BeNullOrEmpty
        }

        It 'says of every node why it was or was not taken' {
            $candidates = (Select-BackupReplica (Get-SampleCluster)).Candidates
            $candidates.Pod | Should -Be 'mariadb-server-2', 'mariadb-server-1', 'mariadb-server-0'
            $candidates.Selected | Should -Be $true, $false, $false
            $candidates.Reason | Should -Not -BeNullOrEmpty
        }

        It 'warns of nothing' {
            Get-SampleCluster | Select-BackupReplica -WarningVariable warned | Out-Null
            $warned | Should -BeNullOrEmpty
        }

        It 'carries the scope, so that the next cmdlet need not be told again' {
            (Get-SampleCluster -KubeConfig '/some/where' | Select-BackupReplica).Scope.KubeConfig | Should -Be '/some/where'
        }
    }

    Context 'an unsafe cluster' {
        It 'is refused with an error that names the findings and says what to do' {
            $refused = Get-SampleCluster -Finding NodeNotSynced, NotPrimary |
                Select-BackupReplica -ErrorVariable errors -ErrorAction SilentlyContinue
            $refused | Should -BeNullOrEmpty
            $errors | Should -HaveCount 1
            $errors[0].FullyQualifiedErrorId | Should -Be 'ClusterUnsafe,GaleraBackup.Commands.SelectBackupReplicaCommand'
            $errors[0].CategoryInfo.Category | Should -Be 'InvalidOperation'
            $errors[0].TargetObject | Should -BeOfType GaleraBackup.GaleraCluster
            $errors[0].ErrorDetails.RecommendedAction | Should -Match 'AllowUnsafeBackup'
            "$($errors[0])" | Should -Match '(?s)NodeNotSynced.*NotPrimary'
            "$($errors[0])" | Should -Not -Match ' at GaleraBackup\.'
        }

        It 'does not stop the other clusters of the pipeline' {
            $replicas = @(
                Get-SampleCluster -Namespace one
                Get-SampleCluster -Namespace two -Finding NotPrimary
                Get-SampleCluster -Namespace three
            ) | Select-BackupReplica -ErrorAction SilentlyContinue
            $replicas.Namespace | Should -Be 'one', 'three'
        }

        It 'stops the script where the user wants errors to stop it' {
            { Get-SampleCluster -Finding NotPrimary | Select-BackupReplica -ErrorAction Stop } | Should -Throw -ErrorId 'ClusterUnsafe,*'
        }

        It 'is taken with -AllowUnsafeBackup, with a warning and a mark' {
            $replica = Get-SampleCluster -Finding MembershipDiffers | Select-BackupReplica -AllowUnsafeBackup -WarningVariable warned -WarningAction SilentlyContinue
            $replica.Pod | Should -Be 'mariadb-server-2'
            $replica.Unsafe | Should -BeTrue
            $warned | Should -HaveCount 1
            "$warned" | Should -Match '(?s)unsafe.*MembershipDiffers'
        }

        It 'is refused all the same where no node holds the data' {
            $caught = Get-CaughtError { Get-SampleCluster -State Joining -Finding NodeNotSynced | Select-BackupReplica -AllowUnsafeBackup }
            $caught.FullyQualifiedErrorId | Should -BeLike 'NoReplica,*'
            $caught.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        }
    }
}
