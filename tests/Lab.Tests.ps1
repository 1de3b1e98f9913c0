BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/ApiStub.psm1, $PSScriptRoot/Pester/Lab.psm1 -Force
    Import-Module -Name (Get-ModulePath)

    function Get-List ([string[]] $Name) {
        ConvertTo-Json -Depth 5 -InputObject @{ items = @($Name.ForEach({ @{ metadata = @{ name = $PSItem }; spec = @{ holderIdentity = 'root@host/1' } } })) }
    }
}

# The tests on the lab are only as good as this check. Here a stub stands for the lab's API, and a folder for its state.
Describe 'The check that nothing is left on the lab' {
    BeforeAll {
        $stateBefore = $env:GALERABACKUP_LAB_STATE
        $requireBefore = $env:GALERABACKUP_REQUIRE_LAB
        $env:GALERABACKUP_LAB_STATE = "$TestDrive/state"
        $port = Get-ClosedPort
        $volume = (New-Item -ItemType Directory -Path "$TestDrive/state/pv/mariadb-phy-backup-data").FullName
        $null = Add-KubeConfig -Path "$TestDrive/state/kubeconfig" -Port $port
    }

    AfterAll {
        $env:GALERABACKUP_LAB_STATE = $stateBefore
        $env:GALERABACKUP_REQUIRE_LAB = $requireBefore
    }

    Context 'of a lab that has something of ours' {
        BeforeAll {
            $stub = Open-ApiStub -Port $port -Answer @{ '/secrets' = Get-List 'runner-1'; '/leases' = Get-List 'galera-backup-mariadb-server', 'other' }
            $null = New-Item -ItemType Directory -Path "$volume/.partial/base_1", "$volume/some/root/.partial/removed_base_2", "$volume/whole/.partial"
        }

        AfterAll {
            Close-ApiStub -Stub $stub
            Get-ChildItem -LiteralPath $volume -Force | Remove-Item -Recurse -Force
        }

        It 'names each thing' {
            Get-LabLeftover | Sort-Object | Should -Be (@(
                    "$volume/.partial/base_1"
                    "$volume/some/root/.partial/removed_base_2"
                    'leases/galera-backup-mariadb-server of root@host/1'
                    'pods/mariadb-server-0'
                    'secrets/runner-1'
                ) | Sort-Object)
        }

        It 'waits for it to go, and ends at its deadline with what did not' {
            $wrong = Wait-WholeLab -Within ([TimeSpan]::FromMilliseconds(1))
            $wrong | Should -Contain 'secrets/runner-1'
            "$wrong" | Should -Match "mariadb-server-0 is ''"
        }
    }

    Context 'of a lab that has nothing of ours' {
        BeforeAll {
            $stub = Open-ApiStub -Port $port -Answer @{ '/secrets' = Get-List; '/leases' = Get-List 'other' }
        }

        AfterAll {
            Close-ApiStub -Stub $stub
        }

        It 'finds nothing where the cluster is whole' {
            Mock -CommandName Test-GaleraCluster -ModuleName Lab -MockWith { Get-SampleCluster }
            Mock -CommandName Get-LabItem -ModuleName Lab -ParameterFilter { $Path -like '*/pods?labelSelector=app.kubernetes.io%2Fname%3Dgalera-backup' }
            Wait-WholeLab | Should -BeNullOrEmpty
        }

        It 'finds a node that is not Synced' {
            Mock -CommandName Test-GaleraCluster -ModuleName Lab -MockWith { Get-SampleCluster -State Joining }
            Wait-WholeLab -Within ([TimeSpan]::Zero) | Should -Contain "mariadb-server-1 is 'Joining', ready: False"
        }
    }

    Context 'of a lab that is not up' {
        It 'says nothing, for there is nothing to be left' {
            Wait-WholeLab | Should -BeNullOrEmpty
            New-LabFolder | Should -BeNullOrEmpty
        }

        It 'says so where the lab is required' {
            $env:GALERABACKUP_REQUIRE_LAB = '1'
            { Get-Lab } | Should -Throw 'The lab is required and is not up*'
        }
    }
}
